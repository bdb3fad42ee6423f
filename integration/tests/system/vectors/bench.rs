//! How vectors are sent, received, judged and shown; the vectors themselves are beside it.

pub(super) mod controls;
pub(super) mod exchange;
pub(super) mod recorder;
pub(super) mod subject;
pub(super) mod table;
pub(super) mod vector;
pub(super) mod wire;
