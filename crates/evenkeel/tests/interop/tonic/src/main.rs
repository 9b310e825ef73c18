//! The same client and the same server of gRPC as `grpc_client.py` and `grpc_server.py`, by tonic: `tonic-echo serve ADDRESS`, and
//! `tonic-echo ask ADDRESS CHECK…`, which prints each check that has passed. Over TLS with the files that `CERTIFICATE` and `KEY`, or
//! `AUTHORITY`, name. `cargo xtask test` installs it.

use std::env;
use std::error::Error;
use std::fs;
use std::io;

use tonic::transport::{Certificate, Identity};

mod ask;
mod checks;
mod raw;
mod serve;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["serve", address] => {
            let files = (file("CERTIFICATE")?, file("KEY")?);
            let identity = match files {
                (Some(certificate), Some(key)) => Some(Identity::from_pem(certificate, key)),
                _ => None,
            };
            Ok(serve::run(address.parse()?, identity).await?)
        }
        ["ask", address, ref checks @ ..] => {
            let authority = file("AUTHORITY")?.map(Certificate::from_pem);
            let calls = ask::Calls::to(address, authority).await?;
            for check in checks {
                checks::run(check, &calls).await;
                println!("{check}");
            }
            Ok(())
        }
        _ => Err("it is `serve ADDRESS`, or `ask ADDRESS CHECK…`".into()),
    }
}

/// What is in the file that a variable names.
fn file(variable: &str) -> io::Result<Option<String>> {
    env::var_os(variable).map(fs::read_to_string).transpose()
}
