//! Why bytes gave no rows at all.

/// Nothing could be read; single bad records are [`crate::Problem`]s instead.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum CollectError {
    /// Not JSON, or cut off.
    #[error(
        "the body is not valid JSON at byte {offset}: {message}; send an array of objects, or one object a line"
    )]
    Json {
        /// Where the parser stopped.
        offset: usize,
        /// What it says.
        message: String,
    },
    /// JSON, but no object in it.
    #[error("the body holds {0}, not records; send an array of objects, or one object a line")]
    NoRecords(&'static str),
    /// A table without a header line, or bytes that are no CSV.
    #[error("the text is not CSV: {0}")]
    Csv(String),
    /// Not a Windows event log, or damaged at its start.
    #[error("the file is not a readable event log (EVTX): {0}")]
    Evtx(String),
    /// Damaged compression.
    #[error("the gzip data is damaged: {0}")]
    Gzip(String),
    /// More than the caller allows.
    #[error("the data is larger than {limit} bytes; send it in smaller parts")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
}
