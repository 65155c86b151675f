//! JSONPath as Kubernetes knows it: printer columns, replica paths, `kubectl -o jsonpath` without templates.
//!
//! Read once, evaluated often. What is missing yields nothing; there are no errors while evaluating.

use std::cmp::Ordering;

use serde_json::Value;

/// A path.
#[derive(Debug, Clone, PartialEq)]
pub struct JsonPath {
    steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq)]
enum Step {
    /// `.name`, `['name']`.
    Member(String),
    /// `[*]`, `.*`.
    All,
    /// `[0]`, `[-1]`, `[1:3]`, `[::2]`.
    Slice { from: Option<i64>, to: Option<i64>, step: i64, single: bool },
    /// `[0,2]`, `['a','b']`.
    Union(Vec<Step>),
    /// `[?(...)]`.
    Filter(Filter),
    /// `..name`.
    Descend,
}

#[derive(Debug, Clone, PartialEq)]
struct Filter {
    left: Operand,
    /// Absent: the left side must exist.
    comparison: Option<(Operator, Operand)>,
}

#[derive(Debug, Clone, PartialEq)]
enum Operand {
    /// `@.a.b`, from the item on.
    Path(JsonPath),
    /// A literal.
    Literal(Value),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// A text that is no path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("JSONPath {path:?}: {problem} at byte {offset}")]
pub struct InvalidJsonPath {
    /// The path.
    pub path: String,
    /// What is wrong.
    pub problem: &'static str,
    /// Where.
    pub offset: usize,
}

impl JsonPath {
    /// Reads a path, with or without braces around it: `.spec.replicas`, `{.status.conditions[?(@.type=="Ready")].status}`.
    pub fn parse(path: &str) -> Result<Self, InvalidJsonPath> {
        let inner = path.strip_prefix('{').and_then(|path| path.strip_suffix('}')).unwrap_or(path);
        let mut parser = Parser { text: inner, offset: 0 };
        parser.path().map_err(|problem| InvalidJsonPath {
            path: path.to_owned(),
            problem,
            offset: parser.offset,
        })
    }

    /// The path to the value itself.
    pub fn root() -> Self {
        Self { steps: Vec::new() }
    }

    /// All values the path leads to, in order.
    pub fn find<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        let mut found = vec![value];
        for step in &self.steps {
            let mut next = Vec::new();
            for value in found {
                step.apply(value, &mut next);
            }
            found = next;
        }
        found
    }

    /// The first value the path leads to.
    pub fn first<'a>(&self, value: &'a Value) -> Option<&'a Value> {
        // Plain members, which nearly all paths consist of, need no lists.
        let mut current = value;
        for step in &self.steps {
            match step {
                Step::Member(name) => current = current.get(name)?,
                _ => return self.find(value).into_iter().next(),
            }
        }
        Some(current)
    }

    /// The member names, if the path consists of nothing else: such a path can be written to.
    pub fn members(&self) -> Option<Vec<&str>> {
        self.steps
            .iter()
            .map(|step| match step {
                Step::Member(name) => Some(name.as_str()),
                _ => None,
            })
            .collect()
    }
}

impl Step {
    fn apply<'a>(&self, value: &'a Value, found: &mut Vec<&'a Value>) {
        match self {
            Self::Member(name) => found.extend(value.get(name)),
            Self::All => children(value, found),
            Self::Slice { from, to, step, single } => {
                if let Value::Array(items) = value {
                    slice(items, (*from, *to, *step), *single, found);
                }
            }
            Self::Union(steps) => steps.iter().for_each(|step| step.apply(value, found)),
            Self::Filter(filter) => match value {
                Value::Array(items) => found.extend(items.iter().filter(|item| filter.holds(item))),
                Value::Object(members) => found.extend(members.values().filter(|item| filter.holds(item))),
                _ => {}
            },
            Self::Descend => descend(value, found),
        }
    }
}

fn children<'a>(value: &'a Value, found: &mut Vec<&'a Value>) {
    match value {
        Value::Array(items) => found.extend(items),
        Value::Object(members) => found.extend(members.values()),
        _ => {}
    }
}

fn descend<'a>(value: &'a Value, found: &mut Vec<&'a Value>) {
    found.push(value);
    let mut below = Vec::new();
    children(value, &mut below);
    below.into_iter().for_each(|child| descend(child, found));
}

fn slice<'a>(
    items: &'a [Value],
    (from, to, step): (Option<i64>, Option<i64>, i64),
    single: bool,
    found: &mut Vec<&'a Value>,
) {
    let Ok(length) = i64::try_from(items.len()) else { return };
    let place = |index: i64| if index < 0 { index + length } else { index };
    let from = place(from.unwrap_or(0));
    if single {
        found.extend(usize::try_from(from).ok().and_then(|index| items.get(index)));
        return;
    }
    let to = to.map_or(length, place).min(length);
    let mut index = from.max(0);
    while index < to {
        found.extend(usize::try_from(index).ok().and_then(|index| items.get(index)));
        index += step.max(1);
    }
}

impl Filter {
    fn holds(&self, item: &Value) -> bool {
        let left = self.left.values(item);
        let Some((operator, right)) = &self.comparison else { return !left.is_empty() };
        let right = right.values(item);
        match (left.first(), right.first()) {
            (Some(left), Some(right)) => operator.holds(left, right),
            _ => false,
        }
    }
}

impl Operand {
    fn values<'a>(&'a self, item: &'a Value) -> Vec<&'a Value> {
        match self {
            Self::Path(path) => path.find(item),
            Self::Literal(value) => vec![value],
        }
    }
}

impl Operator {
    fn holds(self, left: &Value, right: &Value) -> bool {
        let order = match (left, right) {
            (Value::Number(a), Value::Number(b)) => a.as_f64().partial_cmp(&b.as_f64()),
            (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
            (a, b) if a == b => Some(Ordering::Equal),
            _ => None,
        };
        match (self, order) {
            (Self::NotEqual, order) => order != Some(Ordering::Equal),
            (_, None) => false,
            (Self::Equal, Some(order)) => order.is_eq(),
            (Self::Less, Some(order)) => order.is_lt(),
            (Self::LessOrEqual, Some(order)) => order.is_le(),
            (Self::Greater, Some(order)) => order.is_gt(),
            (Self::GreaterOrEqual, Some(order)) => order.is_ge(),
        }
    }
}

struct Parser<'a> {
    text: &'a str,
    offset: usize,
}

type Parsed<T> = Result<T, &'static str>;

impl Parser<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.offset..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let character = self.peek()?;
        self.offset += character.len_utf8();
        Some(character)
    }

    fn take(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        if found {
            self.offset += text.len();
        }
        found
    }

    fn skip_blanks(&mut self) {
        while self.peek().is_some_and(|character| character == ' ') {
            self.next();
        }
    }

    /// A whole path, up to the end or to what ends an operand of a filter.
    fn path(&mut self) -> Parsed<JsonPath> {
        let mut steps = Vec::new();
        let _ = self.take("$") || self.take("@");
        loop {
            match self.peek() {
                Some('.') => self.dotted(&mut steps)?,
                Some('[') => {
                    self.next();
                    steps.push(self.bracket()?);
                }
                None | Some(')' | ' ' | '=' | '!' | '<' | '>') => return Ok(JsonPath { steps }),
                Some(_) if steps.is_empty() => steps.push(Step::Member(self.name()?)),
                Some(_) => return Err("expected . or ["),
            }
        }
    }

    fn dotted(&mut self, steps: &mut Vec<Step>) -> Parsed<()> {
        self.next();
        if self.take(".") {
            steps.push(Step::Descend);
        }
        match self.peek() {
            // A lone dot is the value itself.
            None if steps.is_empty() => {}
            None => return Err("a path must not end in a dot"),
            Some('[') => {}
            Some('*') => {
                self.next();
                steps.push(Step::All);
            }
            Some(_) => steps.push(Step::Member(self.name()?)),
        }
        Ok(())
    }

    /// A member name after a dot. A backslash takes the next character as it is.
    fn name(&mut self) -> Parsed<String> {
        let mut name = String::new();
        while let Some(character) = self.peek() {
            match character {
                '\\' => {
                    self.next();
                    name.push(self.next().ok_or("nothing after the backslash")?);
                }
                '.' | '[' | ']' | ')' | '(' | ' ' | '=' | '!' | '<' | '>' | ',' => break,
                other => {
                    self.next();
                    name.push(other);
                }
            }
        }
        if name.is_empty() { Err("expected a name") } else { Ok(name) }
    }

    fn bracket(&mut self) -> Parsed<Step> {
        if self.take("?(") {
            let filter = self.filter()?;
            return if self.take(")]") { Ok(Step::Filter(filter)) } else { Err("expected )]") };
        }
        let mut steps = vec![self.bracket_item()?];
        loop {
            self.skip_blanks();
            if self.take("]") {
                break;
            }
            if !self.take(",") {
                return Err("expected ] or ,");
            }
            steps.push(self.bracket_item()?);
        }
        match steps.pop() {
            Some(only) if steps.is_empty() => Ok(only),
            Some(last) => {
                steps.push(last);
                Ok(Step::Union(steps))
            }
            None => Err("nothing in brackets"),
        }
    }

    fn bracket_item(&mut self) -> Parsed<Step> {
        self.skip_blanks();
        match self.peek() {
            Some('*') => {
                self.next();
                Ok(Step::All)
            }
            Some('\'' | '"') => {
                // In brackets a dot may be escaped although it need not be.
                self.quoted().map(|name| Step::Member(name.replace("\\.", ".")))
            }
            _ => self.range(),
        }
    }

    fn integer(&mut self) -> Parsed<Option<i64>> {
        let digits: String = self
            .rest()
            .chars()
            .take_while(|character| character.is_ascii_digit() || *character == '-')
            .collect();
        self.offset += digits.len();
        if digits.is_empty() {
            return Ok(None);
        }
        digits.parse().map(Some).map_err(|_| "expected an index")
    }

    fn range(&mut self) -> Parsed<Step> {
        let from = self.integer()?;
        if !self.take(":") {
            let from = Some(from.ok_or("expected an index, a name in quotes, * or ?(")?);
            return Ok(Step::Slice { from, to: None, step: 1, single: true });
        }
        let to = self.integer()?;
        let step = if self.take(":") { self.integer()?.unwrap_or(1) } else { 1 };
        if step < 1 {
            return Err("a step must be positive");
        }
        Ok(Step::Slice { from, to, step, single: false })
    }

    fn quoted(&mut self) -> Parsed<String> {
        let quote = self.next().ok_or("expected a quote")?;
        let mut text = String::new();
        while let Some(character) = self.next() {
            match character {
                '\\' if self.peek().is_some_and(|next| next == quote || next == '\\') => {
                    text.extend(self.next())
                }
                end if end == quote => return Ok(text),
                other => text.push(other),
            }
        }
        Err("the quote is not closed")
    }

    fn filter(&mut self) -> Parsed<Filter> {
        let left = self.operand()?;
        self.skip_blanks();
        let operators = [
            ("==", Operator::Equal),
            ("!=", Operator::NotEqual),
            ("<=", Operator::LessOrEqual),
            (">=", Operator::GreaterOrEqual),
            ("<", Operator::Less),
            (">", Operator::Greater),
        ];
        for (text, operator) in operators {
            if self.take(text) {
                let right = self.operand()?;
                self.skip_blanks();
                return Ok(Filter { left, comparison: Some((operator, right)) });
            }
        }
        Ok(Filter { left, comparison: None })
    }

    fn operand(&mut self) -> Parsed<Operand> {
        self.skip_blanks();
        match self.peek() {
            Some('@' | '$') => self.path().map(Operand::Path),
            Some('\'' | '"') => self.quoted().map(|text| Operand::Literal(Value::String(text))),
            _ => {
                let word: String = self
                    .rest()
                    .chars()
                    .take_while(|c| c.is_ascii_alphanumeric() || "+-.".contains(*c))
                    .collect();
                self.offset += word.len();
                serde_json::from_str(&word).map(Operand::Literal).map_err(|_| "expected a path or a literal")
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn forms_lead_to_values() {
        let object = json!({
            "metadata": {"labels": {"a.b/c": "lab"}},
            "spec": {"list": ["p", "q", "r"], "map": {"k": "v"}},
            "status": {"conditions": [{"type": "Ready", "status": "True", "n": 1}, {"type": "Up", "status": "False", "n": 2}]},
        });
        for (path, expected) in [
            (".spec.map.k", json!(["v"])),
            ("{.spec.list[0]}", json!(["p"])),
            (".spec.list[-1]", json!(["r"])),
            (".spec.list[*]", json!(["p", "q", "r"])),
            (".spec.list[1:]", json!(["q", "r"])),
            (".spec.list[0,2]", json!(["p", "r"])),
            (".spec.list[9]", json!([])),
            (".metadata.labels.a\\.b/c", json!(["lab"])),
            (".metadata.labels['a\\.b/c']", json!(["lab"])),
            (".metadata.labels[\"a.b/c\"]", json!(["lab"])),
            (".status.conditions[?(@.type==\"Ready\")].status", json!(["True"])),
            (".status.conditions[?(@.n > 1)].type", json!(["Up"])),
            (".status.conditions[?(@.type != 'Ready')].n", json!([2])),
            (".status.conditions[?(@.missing)].n", json!([])),
            ("..type", json!(["Ready", "Up"])),
            (".missing.x", json!([])),
        ] {
            let found: Vec<Value> =
                JsonPath::parse(path).unwrap().find(&object).into_iter().cloned().collect();
            assert_eq!(Value::Array(found), expected, "{path}");
        }
        assert_eq!(JsonPath::parse(".spec.map").unwrap().members(), Some(vec!["spec", "map"]));
        assert_eq!(JsonPath::parse(".spec.list[0]").unwrap().members(), None);
        for bad in [".spec[", ".spec[?(@.x==", ".a.", ".a[x]", ".a['b]"] {
            assert!(JsonPath::parse(bad).is_err(), "{bad}");
        }
    }
}
