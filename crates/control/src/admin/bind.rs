//! Opens the admin API's socket. Called by [`crate::start`], before anything else is opened.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpListener;

use crate::conductor::BindProblem;
use crate::config::AdminBind;

/// The socket, and the address that it really has; `None` when the API is switched off.
pub(crate) async fn bind(
    wanted: AdminBind,
) -> Result<Option<(TcpListener, SocketAddr)>, BindProblem> {
    let (address, bound) = match wanted {
        AdminBind::Off => return Ok(None),
        AdminBind::Fixed(address) => (address, TcpListener::bind(address).await),
        AdminBind::Preferred(address) => (address, bind_or_any_port(address).await),
    };
    let named = bound.and_then(|listener| {
        let address = listener.local_addr()?;
        Ok((listener, address))
    });
    named.map(Some).map_err(|error| BindProblem::of_admin(address, &error))
}

async fn bind_or_any_port(address: SocketAddr) -> io::Result<TcpListener> {
    match TcpListener::bind(address).await {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            TcpListener::bind((address.ip(), 0)).await
        }
        bound => bound,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_taken_address_is_an_error_when_fixed_and_evaded_when_preferred() {
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = taken.local_addr().unwrap();
        let problem = bind(AdminBind::Fixed(address)).await.unwrap_err().to_string();
        let start = format!("the admin API cannot listen on {address}: already in use by ");
        assert!(problem.starts_with(&start), "{problem}");
        let (_, evaded) = bind(AdminBind::Preferred(address)).await.unwrap().unwrap();
        assert_eq!(evaded.ip(), address.ip());
        assert_ne!(evaded.port(), address.port());
        assert!(bind(AdminBind::Off).await.unwrap().is_none());
    }
}
