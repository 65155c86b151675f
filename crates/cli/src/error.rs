//! What a command says when it cannot do what was asked: the thing, and the way out.

use std::fmt;
use std::process::ExitCode;

/// Whose move it is after a failure. The kind decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The person who called it: a wrong name, a taken port, a folder that is not theirs.
    User,
    /// The world: what was asked for did not come about in time, a server does not answer.
    Unmet,
    /// Us.
    Internal,
}

/// A failed command.
#[derive(Debug)]
pub struct CommandError {
    kind: Kind,
    message: String,
    hint: Option<String>,
}

impl CommandError {
    /// A mistake that whoever called the command can mend.
    pub fn user(message: impl fmt::Display) -> Self {
        Self { kind: Kind::User, message: message.to_string(), hint: None }
    }

    /// Something that did not come about.
    pub fn unmet(message: impl fmt::Display) -> Self {
        Self { kind: Kind::Unmet, message: message.to_string(), hint: None }
    }

    /// A fault of ours.
    pub fn internal(message: impl fmt::Display) -> Self {
        Self { kind: Kind::Internal, message: message.to_string(), hint: None }
    }

    /// The way out, printed on a line of its own.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The way out, where none is named yet.
    #[must_use]
    pub fn or_hint(mut self, hint: impl FnOnce() -> String) -> Self {
        self.hint.get_or_insert_with(hint);
        self
    }

    /// 1 for what did not come about, 2 for a mistake in the call, 70 for a fault of ours.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self.kind {
            Kind::Unmet => 1,
            Kind::User => 2,
            Kind::Internal => 70,
        })
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.message)?;
        if let Some(hint) = &self.hint {
            write!(f, "\nhint: {hint}")?;
        }
        Ok(())
    }
}
