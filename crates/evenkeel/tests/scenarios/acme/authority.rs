//! Pebble, an ACME server by those who run Let's Encrypt, with a DNS server in which every name leads to this machine.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use evenkeel_testkit::{Process, wait_until};
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::interop::programs::{both, program};
use crate::running::{LONG, free_address};

/// An authority that asks for what it wants to see at certain ports of this machine.
pub(super) struct Authority {
    pebble: Option<Process>,
    command: Command,
    _dns: Process,
    folder: TempDir,
    /// Where it speaks ACME.
    pub(super) address: SocketAddr,
    /// Where it tells about itself.
    management: SocketAddr,
    /// Where records of DNS are changed.
    pub(super) dns: SocketAddr,
    /// Where it asks in clear text, and by TLS.
    pub(super) http: SocketAddr,
    pub(super) tls: SocketAddr,
    /// What its own certificate is checked by.
    pub(super) own: CertificateDer<'static>,
    pub(super) own_key: String,
}

impl Authority {
    /// Starts it; `None` if it is not installed, which is said. Its certificates are good for so many seconds.
    pub(super) fn start(test: &str, good_for_seconds: u64) -> Option<Self> {
        Self::begin(test, &json!({ "certificateValidityPeriod": good_for_seconds }))
    }

    /// The same, of one that makes accounts for who has the key `mac_key` alone, which it calls `key_id`.
    pub(super) fn start_bound(test: &str, key_id: &str, mac_key: &str) -> Option<Self> {
        let keys = json!({ key_id: mac_key });
        let config =
            json!({ "externalAccountBindingRequired": true, "externalAccountMACKeys": keys });
        Self::begin(test, &config)
    }

    fn begin(test: &str, special: &Value) -> Option<Self> {
        let challtestsrv = || program(test, "pebble-challtestsrv");
        let (pebble, challtestsrv) = both(program(test, "pebble"), challtestsrv)?;
        let folder = TempDir::new().unwrap();
        let [address, management, dns, dns_port, http, tls] = [(); 6].map(|()| free_address());
        let key = KeyPair::generate().unwrap();
        let own = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        let own = own.self_signed(&key).unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        fs::write(at("own.pem"), own.pem()).unwrap();
        fs::write(at("own.key"), key.serialize_pem()).unwrap();
        let mut config = json!({
            "listenAddress": address.to_string(),
            "managementListenAddress": management.to_string(),
            "certificate": at("own.pem"),
            "privateKey": at("own.key"),
            "httpPort": http.port(),
            "tlsPort": tls.port(),
            "ocspResponderURL": "",
            "externalAccountBindingRequired": false,
        });
        config.as_object_mut().unwrap().extend(special.as_object().unwrap().clone());
        fs::write(at("pebble.json"), json!({ "pebble": config }).to_string()).unwrap();
        let mut command = Command::new(challtestsrv);
        command.args(["-http01", "", "-https01", "", "-tlsalpn01", "", "-defaultIPv6", ""]);
        command.args(["-dns01", &dns_port.to_string(), "-management", &dns.to_string()]);
        let dns_process = Process::spawn(&mut command).unwrap();
        let mut command = Command::new(pebble);
        command.args(["-config", &at("pebble.json"), "-dnsserver", &dns_port.to_string()]);
        // It looks at once, and looks at everything that it was shown before anew.
        command.env("PEBBLE_VA_NOSLEEP", "1").env("PEBBLE_AUTHZREUSE", "0");
        let (own, own_key, _dns) = (own.der().clone(), key.serialize_pem(), dns_process);
        let pebble = None;
        let mut authority = Self {
            pebble,
            command,
            _dns,
            folder,
            address,
            management,
            dns,
            http,
            tls,
            own,
            own_key,
        };
        authority.begin_anew();
        for address in [dns, dns_port] {
            wait_until(LONG, || TcpStream::connect(address).is_ok()).unwrap();
        }
        Some(authority)
    }

    /// From now on it knows nothing of what was before: accounts, certificates, and its own key.
    pub(super) fn begin_anew(&mut self) {
        drop(self.pebble.take());
        self.pebble = Some(Process::spawn(&mut self.command).unwrap());
        for address in [self.address, self.management] {
            wait_until(LONG, || TcpStream::connect(address).is_ok()).unwrap();
        }
    }

    /// The keys of an `[acme.NAME]` that lead to it.
    pub(super) fn keys(&self) -> String {
        let ca = self.folder.path().join("own.pem");
        format!("directory = \"https://{}/dir\"\nca = \"{}\"\n", self.address, ca.display())
    }

    /// A directory that goes with it.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Whose word on its certificates is to be taken.
    pub(super) fn roots(&self) -> RootCertStore {
        let pem = self.ask(self.management, "/roots/0");
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()).unwrap();
        roots
    }

    /// What it answers to a GET.
    pub(super) fn ask(&self, address: SocketAddr, path: &str) -> String {
        let mut roots = RootCertStore::empty();
        roots.add(self.own.clone()).unwrap();
        let mut client = connect(address, roots, "127.0.0.1", &[]);
        let request = format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n");
        client.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        // It closes without saying so in TLS.
        let _ = client.read_to_end(&mut answer);
        String::from_utf8(answer).unwrap().split_once("\r\n\r\n").unwrap().1.to_owned()
    }

    /// Tells the DNS server something.
    pub(super) fn tell_dns(&self, path: &str, body: &str) {
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut client = evenkeel_testkit::Client::connect(self.dns).unwrap();
        assert_eq!(client.exchange(request.as_bytes(), LONG).unwrap().status, 200);
    }
}

/// A client that trusts `roots`, asks for `name` and would speak `protocols`.
pub(super) fn connect(
    address: SocketAddr,
    roots: RootCertStore,
    name: &str,
    protocols: &[&[u8]],
) -> StreamOwned<ClientConnection, TcpStream> {
    let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|it| it.to_vec()).collect();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(LONG)).unwrap();
    StreamOwned::new(ClientConnection::new(Arc::new(config), name).unwrap(), socket)
}
