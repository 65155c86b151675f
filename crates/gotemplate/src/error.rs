//! What can go wrong with a template.

/// Why a template was refused or gave no text.
///
/// The texts quote the template, never the data: data may be secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The text is no template.
    #[error("template: {name}:{line}: {message}")]
    Parse {
        /// Name of the template.
        name: String,
        /// Line of the mistake, from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// The template could not be carried out with the data given.
    #[error("template: {name}:{line}:{column}: executing \"{template}\" at <{place}>: {message}")]
    Execute {
        /// Name of the template that holds the text.
        name: String,
        /// Line of the place, from 1.
        line: usize,
        /// Bytes before the place on its line.
        column: usize,
        /// Name of the (defined) template that was being carried out.
        template: String,
        /// The piece of template that failed.
        place: String,
        /// What is wrong.
        message: String,
    },
    /// The output is no text: not UTF-8.
    #[error("template: {name}: the output is not valid UTF-8")]
    NotText {
        /// Name of the template.
        name: String,
    },
}

impl Error {
    /// Whether the template itself is wrong, whatever the data.
    pub fn is_parse(&self) -> bool {
        matches!(self, Self::Parse { .. })
    }
}
