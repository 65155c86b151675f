//! From tokens to nodes.

use std::collections::BTreeMap;

use crate::error::Error;
use crate::functions::Functions;
use crate::lex::{Keyword, Lexer, Token, TokenKind};
use crate::node::{self, Branch, Command, List, Node, Operand, OperandKind, Pipe};
use crate::number::Number;
use crate::quote::unquote;

/// How deep parentheses and control structures may be nested. Each level costs stack, here and when carried out.
const MAXIMUM_DEPTH: usize = 100;

/// The templates of one text by name: the main one and what it defines.
pub(crate) type Trees = BTreeMap<String, List>;

/// Parses a text and everything that it defines.
pub(crate) fn parse(name: &str, text: &str, functions: &Functions) -> Result<Trees, Error> {
    let mut parser = Parser {
        name,
        functions,
        lexer: Lexer::new(text),
        ahead: Vec::with_capacity(3),
        line: 1,
        action_line: None,
        variables: vec!["$".to_owned()],
        range_depth: 0,
        depth: 0,
        trees: Trees::new(),
    };
    let main = parser.main()?;
    parser.add(name.to_owned(), main)?;
    Ok(parser.trees)
}

/// What ended a list.
enum Ending {
    End,
    Else,
}

impl Ending {
    fn describe(&self) -> &'static str {
        match self {
            Self::End => "{{end}}",
            Self::Else => "{{else}}",
        }
    }
}

/// A node, or the end of the list it would be in.
enum Item {
    Node(Node),
    Ending(Ending),
}

struct Parser<'t, 'f> {
    name: &'t str,
    functions: &'f Functions,
    lexer: Lexer<'t>,
    /// Tokens that were put back, the next one last.
    ahead: Vec<Token<'t>>,
    /// Line of the token read last.
    line: usize,
    action_line: Option<usize>,
    variables: Vec<String>,
    range_depth: usize,
    depth: usize,
    trees: Trees,
}

impl<'t> Parser<'t, '_> {
    fn next(&mut self) -> Token<'t> {
        let token = self.ahead.pop().unwrap_or_else(|| self.lexer.next_token());
        self.line = token.line;
        token
    }

    fn back(&mut self, token: Token<'t>) {
        self.ahead.push(token);
    }

    fn peek(&mut self) -> TokenKind {
        let token = self.next();
        let kind = token.kind;
        self.back(token);
        kind
    }

    fn next_non_space(&mut self) -> Token<'t> {
        loop {
            let token = self.next();
            if token.kind != TokenKind::Space {
                return token;
            }
        }
    }

    fn peek_non_space(&mut self) -> TokenKind {
        let token = self.next_non_space();
        let kind = token.kind;
        self.back(token);
        kind
    }

    fn error(&self, message: impl Into<String>) -> Error {
        Error::Parse { name: self.name.to_owned(), line: self.line, message: message.into() }
    }

    fn unexpected(&self, token: &Token<'_>, context: &str) -> Error {
        if token.kind != TokenKind::Error {
            return self.error(format!("unexpected {} in {context}", token.describe()));
        }
        let started = match self.action_line {
            Some(line) if line != token.line => format!(" in action started at {}:{line}", self.name),
            _ => String::new(),
        };
        self.error(format!("{}{started}", token.text))
    }

    fn expect(&mut self, kind: TokenKind, context: &str) -> Result<(), Error> {
        let token = self.next_non_space();
        if token.kind == kind { Ok(()) } else { Err(self.unexpected(&token, context)) }
    }

    fn add(&mut self, name: String, list: List) -> Result<(), Error> {
        match self.trees.get(&name) {
            Some(before) if !node::is_empty(before) => {
                if !node::is_empty(&list) {
                    let message =
                        format!("multiple definition of template {}", crate::quote::quote(name.as_bytes()));
                    return Err(self.error(message));
                }
            }
            _ => {
                self.trees.insert(name, list);
            }
        }
        Ok(())
    }

    fn main(&mut self) -> Result<List, Error> {
        let mut list = List::new();
        loop {
            let token = self.next();
            match token.kind {
                TokenKind::End => return Ok(list),
                TokenKind::LeftDelimiter if self.peek_non_space() == TokenKind::Keyword(Keyword::Define) => {
                    self.next_non_space();
                    self.definition()?;
                }
                _ => {
                    self.back(token);
                    match self.text_or_action()? {
                        Item::Node(node) => list.push(node),
                        Item::Ending(ending) => {
                            return Err(self.error(format!("unexpected {}", ending.describe())));
                        }
                    }
                }
            }
        }
    }

    /// Parses `define`, whose word is read already.
    fn definition(&mut self) -> Result<(), Error> {
        const CONTEXT: &str = "define clause";
        let name = self.template_name(CONTEXT)?;
        self.expect(TokenKind::RightDelimiter, CONTEXT)?;
        let list = self.separate_list(CONTEXT)?;
        self.add(name, list)
    }

    /// Parses a list with variables and loops of its own, up to its `end`.
    fn separate_list(&mut self, context: &str) -> Result<List, Error> {
        let variables = std::mem::replace(&mut self.variables, vec!["$".to_owned()]);
        let range_depth = std::mem::take(&mut self.range_depth);
        let (list, ending) = self.list()?;
        self.variables = variables;
        self.range_depth = range_depth;
        match ending {
            Ending::End => Ok(list),
            Ending::Else => Err(self.error(format!("unexpected {} in {context}", ending.describe()))),
        }
    }

    fn template_name(&mut self, context: &str) -> Result<String, Error> {
        let token = self.next_non_space();
        if !matches!(token.kind, TokenKind::Quoted | TokenKind::RawQuoted) {
            return Err(self.unexpected(&token, context));
        }
        let name = unquote(&token.text).map_err(|_| self.error("invalid syntax"))?;
        Ok(String::from_utf8_lossy(&name).into_owned())
    }

    fn list(&mut self) -> Result<(List, Ending), Error> {
        let mut list = List::new();
        while self.peek_non_space() != TokenKind::End {
            match self.text_or_action()? {
                Item::Node(node) => list.push(node),
                Item::Ending(ending) => return Ok((list, ending)),
            }
        }
        Err(self.error("unexpected EOF"))
    }

    fn text_or_action(&mut self) -> Result<Item, Error> {
        let token = self.next_non_space();
        match token.kind {
            TokenKind::Text => Ok(Item::Node(Node::Text(token.text.into_owned()))),
            TokenKind::LeftDelimiter => {
                self.action_line = Some(token.line);
                let item = self.action()?;
                self.action_line = None;
                Ok(item)
            }
            _ => Err(self.unexpected(&token, "input")),
        }
    }

    fn action(&mut self) -> Result<Item, Error> {
        let token = self.next_non_space();
        let node = match token.kind {
            TokenKind::Keyword(Keyword::Block) => self.block()?,
            TokenKind::Keyword(Keyword::Break) => self.loop_control("{{break}}", Node::Break)?,
            TokenKind::Keyword(Keyword::Continue) => self.loop_control("{{continue}}", Node::Continue)?,
            TokenKind::Keyword(Keyword::Else) => {
                self.otherwise()?;
                return Ok(Item::Ending(Ending::Else));
            }
            TokenKind::Keyword(Keyword::End) => {
                self.expect(TokenKind::RightDelimiter, "end")?;
                return Ok(Item::Ending(Ending::End));
            }
            TokenKind::Keyword(Keyword::If) => Node::If(self.branch("if", Keyword::If)?),
            TokenKind::Keyword(Keyword::With) => Node::With(self.branch("with", Keyword::With)?),
            TokenKind::Keyword(Keyword::Range) => Node::Range(self.branch("range", Keyword::Range)?),
            TokenKind::Keyword(Keyword::Template) => self.template(token.at)?,
            _ => {
                self.back(token);
                Node::Action(self.pipeline("command", TokenKind::RightDelimiter)?)
            }
        };
        Ok(Item::Node(node))
    }

    fn loop_control(&mut self, name: &str, node: Node) -> Result<Node, Error> {
        self.expect(TokenKind::RightDelimiter, name)?;
        if self.range_depth == 0 {
            return Err(self.error(format!("{name} outside {{{{range}}}}")));
        }
        Ok(node)
    }

    /// Parses the rest of `else`. In `else if` and `else with`, the second word stays for the branch.
    fn otherwise(&mut self) -> Result<(), Error> {
        match self.peek_non_space() {
            TokenKind::Keyword(Keyword::If | Keyword::With) => Ok(()),
            _ => self.expect(TokenKind::RightDelimiter, "else"),
        }
    }

    fn branch(&mut self, context: &str, keyword: Keyword) -> Result<Branch, Error> {
        self.enter()?;
        let variables = self.variables.len();
        let pipe = self.pipeline(context, TokenKind::RightDelimiter)?;
        let is_range = keyword == Keyword::Range;
        self.range_depth += usize::from(is_range);
        let (list, ending) = self.list()?;
        self.range_depth -= usize::from(is_range);
        let otherwise = match ending {
            Ending::End => None,
            Ending::Else => Some(self.else_list(context, keyword)?),
        };
        self.variables.truncate(variables);
        self.depth -= 1;
        Ok(Branch { pipe, list, otherwise })
    }

    /// Parses what follows `else`. `else if` is an `if` in the `else`, and shares its `end`.
    fn else_list(&mut self, context: &str, keyword: Keyword) -> Result<List, Error> {
        if keyword != Keyword::Range && self.peek() == TokenKind::Keyword(keyword) {
            self.next();
            let branch = self.branch(context, keyword)?;
            return Ok(vec![if keyword == Keyword::If { Node::If(branch) } else { Node::With(branch) }]);
        }
        let (list, ending) = self.list()?;
        match ending {
            Ending::End => Ok(list),
            Ending::Else => Err(self.error(format!("expected end; found {}", ending.describe()))),
        }
    }

    /// Parses `block`: a definition and its use in one.
    fn block(&mut self) -> Result<Node, Error> {
        const CONTEXT: &str = "block clause";
        self.enter()?;
        let name = self.template_name(CONTEXT)?;
        let pipe = self.pipeline(CONTEXT, TokenKind::RightDelimiter)?;
        let list = self.separate_list(CONTEXT)?;
        self.add(name.clone(), list)?;
        self.depth -= 1;
        Ok(Node::Template { at: pipe.at, name, pipe: Some(pipe) })
    }

    fn template(&mut self, at: usize) -> Result<Node, Error> {
        const CONTEXT: &str = "template clause";
        let name = self.template_name(CONTEXT)?;
        let token = self.next_non_space();
        let pipe = if token.kind == TokenKind::RightDelimiter {
            None
        } else {
            self.back(token);
            Some(self.pipeline(CONTEXT, TokenKind::RightDelimiter)?)
        };
        Ok(Node::Template { at, name, pipe })
    }

    fn enter(&mut self) -> Result<(), Error> {
        self.depth += 1;
        if self.depth > MAXIMUM_DEPTH {
            return Err(self.error(format!("nested deeper than {MAXIMUM_DEPTH} levels")));
        }
        Ok(())
    }

    fn pipeline(&mut self, context: &str, end: TokenKind) -> Result<Pipe, Error> {
        let first = self.next_non_space();
        let at = first.at;
        self.back(first);
        let (variables, assigns) = self.declarations(context)?;
        let mut pipe = Pipe { at, variables, assigns, commands: Vec::new() };
        loop {
            let token = self.next_non_space();
            match token.kind {
                kind if kind == end => break,
                TokenKind::Bool
                | TokenKind::CharacterConstant
                | TokenKind::Complex
                | TokenKind::Dot
                | TokenKind::Field
                | TokenKind::Identifier
                | TokenKind::Number
                | TokenKind::Nil
                | TokenKind::RawQuoted
                | TokenKind::Quoted
                | TokenKind::Variable
                | TokenKind::LeftParenthesis => {
                    self.back(token);
                    pipe.commands.push(self.command()?);
                }
                _ => return Err(self.unexpected(&token, context)),
            }
        }
        self.check_pipeline(&pipe, context)?;
        Ok(pipe)
    }

    /// Parses `$x :=`, `$x =` or, in a range, `$i, $x :=`.
    fn declarations(&mut self, context: &str) -> Result<(Vec<String>, bool), Error> {
        let mut variables = Vec::new();
        while self.peek_non_space() == TokenKind::Variable {
            let variable = self.next_non_space();
            let after = self.next();
            let spaced = after.kind == TokenKind::Space;
            let next = if spaced { self.next_non_space() } else { after.clone() };
            let comma = next.kind == TokenKind::Character && next.text == ",";
            if !comma && !matches!(next.kind, TokenKind::Assign | TokenKind::Declare) {
                self.back(next);
                if spaced {
                    self.back(after);
                }
                self.back(variable);
                break;
            }
            variables.push(variable.text.to_string());
            self.variables.push(variable.text.into_owned());
            if !comma {
                return Ok((variables, next.kind == TokenKind::Assign));
            }
            if context != "range" || variables.len() > 1 {
                return Err(self.error(format!("too many declarations in {context}")));
            }
            let follows = self.peek_non_space();
            if !matches!(
                follows,
                TokenKind::Variable | TokenKind::RightDelimiter | TokenKind::RightParenthesis
            ) {
                return Err(self.error("range can only initialize variables"));
            }
        }
        Ok((variables, false))
    }

    fn check_pipeline(&self, pipe: &Pipe, context: &str) -> Result<(), Error> {
        if pipe.commands.is_empty() {
            return Err(self.error(format!("missing value for {context}")));
        }
        for (number, command) in pipe.commands.iter().enumerate().skip(1) {
            if is_literal(&command.first.kind) {
                return Err(self.error(format!("non executable command in pipeline stage {}", number + 1)));
            }
        }
        Ok(())
    }

    fn command(&mut self) -> Result<Command, Error> {
        let start = self.next_non_space();
        let at = start.at;
        self.back(start);
        let mut operands = Vec::new();
        loop {
            self.peek_non_space();
            operands.extend(self.operand()?);
            let token = self.next();
            match token.kind {
                TokenKind::Space => {}
                TokenKind::RightDelimiter | TokenKind::RightParenthesis => {
                    self.back(token);
                    break;
                }
                TokenKind::Pipe => break,
                _ => return Err(self.unexpected(&token, "operand")),
            }
        }
        let mut operands = operands.into_iter();
        let first = operands.next().ok_or_else(|| self.error("empty command"))?;
        Ok(Command { at, first, arguments: operands.collect() })
    }

    /// Parses a term and the fields taken of it. Nothing is there if the next token is no term.
    fn operand(&mut self) -> Result<Option<Operand>, Error> {
        let Some(mut operand) = self.term()? else {
            return Ok(None);
        };
        if self.peek() != TokenKind::Field {
            return Ok(Some(operand));
        }
        let mut more = Vec::new();
        while self.peek() == TokenKind::Field {
            let token = self.next();
            if more.is_empty() {
                operand.at = token.at;
            }
            more.push(field_name(&token));
        }
        let at = operand.at;
        operand.kind = match operand.kind {
            OperandKind::Field(mut fields) => {
                fields.extend(more);
                OperandKind::Field(fields)
            }
            OperandKind::Variable { name, mut fields } => {
                fields.extend(more);
                OperandKind::Variable { name, fields }
            }
            ref literal if is_literal(literal) => {
                let text = crate::quote::quote(operand.to_string().as_bytes());
                return Err(self.error(format!("unexpected . after term {text}")));
            }
            kind => OperandKind::Chain { of: Box::new(Operand { at, kind }), fields: more },
        };
        Ok(Some(operand))
    }

    fn term(&mut self) -> Result<Option<Operand>, Error> {
        let token = self.next_non_space();
        let at = token.at;
        let number = |parsed: Result<Number, String>| parsed.map(OperandKind::Number);
        let kind = match token.kind {
            TokenKind::Identifier => {
                if !self.functions.contains(&token.text) {
                    let name = crate::quote::quote(token.text.as_bytes());
                    return Err(self.error(format!("function {name} not defined")));
                }
                OperandKind::Function(token.text.into_owned())
            }
            TokenKind::Dot => OperandKind::Dot,
            TokenKind::Nil => OperandKind::Nil,
            TokenKind::Variable => self.variable(&token)?,
            TokenKind::Field => OperandKind::Field(vec![field_name(&token)]),
            TokenKind::Bool => OperandKind::Bool(token.text == "true"),
            TokenKind::CharacterConstant => {
                number(Number::character(&token.text)).map_err(|m| self.error(m))?
            }
            TokenKind::Complex => number(Number::complex(&token.text)).map_err(|m| self.error(m))?,
            TokenKind::Number => number(Number::parse(&token.text)).map_err(|m| self.error(m))?,
            TokenKind::LeftParenthesis => {
                self.enter()?;
                let pipe = self.pipeline("parenthesized pipeline", TokenKind::RightParenthesis)?;
                self.depth -= 1;
                OperandKind::Pipe(pipe)
            }
            TokenKind::Quoted | TokenKind::RawQuoted => {
                let text = unquote(&token.text).map_err(|_| self.error("invalid syntax"))?;
                OperandKind::String { literal: token.text.into_owned(), text: text.into() }
            }
            _ => {
                self.back(token);
                return Ok(None);
            }
        };
        Ok(Some(Operand { at, kind }))
    }

    fn variable(&self, token: &Token<'_>) -> Result<OperandKind, Error> {
        if !self.variables.iter().any(|known| *known == token.text) {
            return Err(
                self.error(format!("undefined variable {}", crate::quote::quote(token.text.as_bytes())))
            );
        }
        Ok(OperandKind::Variable { name: token.text.to_string(), fields: Vec::new() })
    }
}

fn field_name(token: &Token<'_>) -> String {
    token.text.trim_start_matches('.').to_owned()
}

/// Whether an operand is a value of its own, that can't be called and has no fields.
fn is_literal(kind: &OperandKind) -> bool {
    matches!(
        kind,
        OperandKind::Bool(_)
            | OperandKind::Dot
            | OperandKind::Nil
            | OperandKind::Number(_)
            | OperandKind::String { .. }
    )
}
