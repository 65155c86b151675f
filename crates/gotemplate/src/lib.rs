//! Go's text/template, as Cluster API users write it in patches, naming strategies and files.
//!
//! ```
//! use gotemplate::{Functions, Template, Value};
//!
//! let template = Template::parse("greeting", "{{ range .names }}Hello {{ . }}!{{ end }}", Functions::builtin())?;
//! let data = Value::from(&serde_json::json!({ "names": ["Ada", "Grace"] }));
//! assert_eq!(template.render_text(&data)?, "Hello Ada!Hello Grace!");
//! # Ok::<(), gotemplate::Error>(())
//! ```
//!
//! The way of a template: [`lex`] cuts it into tokens, [`parse`] builds nodes, [`exec`] carries them out over a
//! [`Value`]. Functions are data ([`Functions`]): whoever has more of them adds them, nothing here changes.
//!
//! Where Go takes as long and as much memory as a template asks for, [`Limits`] end it with an error.
//!
//! Deliberately absent: no I/O, no clock, no randomness; other delimiters than `{{` and `}}`; values that are
//! functions or channels; the float verbs `%b` and `%x`.

mod builtin;
mod call;
mod compare;
mod error;
mod escape;
mod exec;
pub mod float;
mod format;
pub mod functions;
mod lex;
pub mod names;
mod node;
mod number;
mod parse;
pub mod quote;
mod value;

pub use error::Error;
pub use functions::{Body, Function, Functions, Parameter};
pub use value::{Element, IntType, List, Map, Object, UintType, Value};

/// What a key that a map does not have gives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MissingKey {
    /// A missing value, which prints as `<no value>`.
    #[default]
    Default,
    /// An error.
    Error,
}

/// How much a template may do before it is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Pieces of template carried out, counting each round of a loop.
    pub steps: usize,
    /// Bytes of output.
    pub output_bytes: usize,
    /// Templates calling each other.
    pub template_depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { steps: 1_000_000, output_bytes: 16 << 20, template_depth: 64 }
    }
}

/// A parsed template. Rendering does not change it.
#[derive(Clone)]
pub struct Template {
    name: String,
    source: String,
    trees: parse::Trees,
    functions: Functions,
    missing_key: MissingKey,
    limits: Limits,
}

impl Template {
    /// Parses a template. The name is for error messages only.
    pub fn parse(name: &str, text: &str, functions: Functions) -> Result<Self, Error> {
        let trees = parse::parse(name, text, &functions)?;
        Ok(Self {
            name: name.to_owned(),
            source: text.to_owned(),
            trees,
            functions,
            missing_key: MissingKey::default(),
            limits: Limits::default(),
        })
    }

    /// Says what a missing key gives.
    #[must_use]
    pub fn missing_key(mut self, missing_key: MissingKey) -> Self {
        self.missing_key = missing_key;
        self
    }

    /// Says how much the template may do.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The template's output. Nothing is left of it where an error occurs.
    pub fn render(&self, data: &Value) -> Result<Vec<u8>, Error> {
        let context = exec::Context {
            name: &self.name,
            source: &self.source,
            trees: &self.trees,
            functions: &self.functions,
            missing_key: self.missing_key,
            limits: self.limits,
        };
        exec::run(&context, data)
    }

    /// The template's output as text.
    pub fn render_text(&self, data: &Value) -> Result<String, Error> {
        String::from_utf8(self.render(data)?).map_err(|_| Error::NotText { name: self.name.clone() })
    }
}
