//! Calls of gRPC, and the origins that answer them: nghttpd, which has the answer in a file, and says in a trailer that all is well.

use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

use super::config::DIRECTORY;
use crate::Outcome;
use crate::tools;

/// How such an origin is started on that port.
pub(super) fn origin(port: u16) -> Outcome<Command> {
    let root = Path::new(DIRECTORY).join("calls");
    write(&root)?;
    let mut command = Command::new(tools::require("nghttpd")?);
    command.args(["--no-tls", "--address", "127.0.0.1", "--trailer", "grpc-status: 0"]);
    command.arg("--htdocs").arg(root.canonicalize()?).arg(port.to_string());
    Ok(command)
}

fn write(root: &Path) -> io::Result<()> {
    let file = root.join(METHOD);
    fs::create_dir_all(file.parent().unwrap_or(root))?;
    fs::write(file, MESSAGE)
}

/// The path of the method, without its `/`.
pub(super) const METHOD: &str = "bench.Greeter/Greet";

/// What is sent, and what is answered: one message, not compressed, with its length.
pub(super) const MESSAGE: &[u8] = b"\0\0\0\0\x05hello";
