//! What the server may not take from the process around it: the time and fresh names.

/// Tells the time. Implemented for every `Fn() -> Timestamp`.
pub trait Clock: Send + Sync + 'static {
    /// The present moment.
    fn now(&self) -> jiff::Timestamp;
}

impl<F: Fn() -> jiff::Timestamp + Send + Sync + 'static> Clock for F {
    fn now(&self) -> jiff::Timestamp {
        self()
    }
}

/// Makes names nobody has used before.
pub trait Identifiers: Send + Sync + 'static {
    /// A UUID in its usual text form.
    fn uid(&self) -> String;
    /// Five lower-case characters that end a generated name.
    fn suffix(&self) -> String;
}
