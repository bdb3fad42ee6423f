//! Plans made of what people have already: a recording of a browser, a description of an
//! interface, a command line of curl. Each reads its own form into a
//! [`Draft`](draft::Draft), which is written as a plan that can be run as it is.

pub(crate) mod curl;
pub(crate) mod draft;
pub(crate) mod har;
pub(crate) mod openapi;

/// A text that no plan can be made of.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unconvertible {
    /// It isn't in the form that it should be in.
    #[error("this is no {form}: {reason}")]
    Form {
        /// The form.
        form: &'static str,
        /// The fault in it.
        reason: String,
    },
    /// There is nothing in it that could be sent.
    #[error("there is nothing here to make a request of: {0}")]
    Nothing(String),
}

#[cfg(test)]
mod tests;
