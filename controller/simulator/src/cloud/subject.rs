//! What a call is about, for the log and whoever looks on.

use aws_api::{Reply, Request, Write};

/// The id that it made, else what it is done to or asks for; of a create call, the name that it gives.
pub(crate) fn subject(request: &Request, reply: Option<&Reply>) -> String {
    if let Some(Reply::Made(made)) = reply {
        return made.to_string();
    }
    match request {
        Request::Read(read) => read.target(),
        Request::Write(write) => of_write(write),
    }
}

/// What a mutating call is done to; of a create call, the name that it gives.
pub(crate) fn of_write(write: &Write) -> String {
    write.created().map_or_else(|| write.target(), |(name, _)| name)
}
