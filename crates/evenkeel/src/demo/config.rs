//! The config of the demo's balancer; pure. `performance` runs it, `command` shows it.

use std::net::SocketAddr;

use evenkeel_control::config::{
    AdminBind, Config, DevelopmentCertificate, TlsConfig, WorkerCount, to_toml,
};
use evenkeel_plan::balance::{Algorithm, LOAD_PATH};

use crate::failure::Failure;

use super::cast::ROLES;

/// What the arguments leave open.
#[derive(Clone)]
pub(super) struct Choices {
    pub(super) balance: Algorithm,
    pub(super) workers: WorkerCount,
    /// What clients are shown that come by https; without it they come in clear text.
    pub(super) certificate: Option<DevelopmentCertificate>,
}

/// The config of a balancer that listens at `bind` and sends to `endpoints`.
pub(super) fn config(
    bind: SocketAddr,
    endpoints: &[SocketAddr],
    choices: &Choices,
) -> Result<Config, Failure> {
    let endpoints: Vec<String> = endpoints.iter().map(|each| format!("\"{each}\"")).collect();
    // Checks are faster than by default, so that there is something to see.
    let text = format!(
        r#"
[listener.web]
bind = "{bind}"
to   = "demo"

[cluster.demo]
endpoints = [{}]
balance   = {}
health    = {{ path = "/health", interval = "250ms", timeout = "250ms", fall = 3, rise = 2 }}
"#,
        endpoints.join(", "),
        balance(choices.balance),
    );
    let loaded = Config::parse("the demo's config", &text).map_err(Failure::Config)?;
    let admin = AdminBind::Preferred(AdminBind::DEFAULT_ADDRESS);
    let mut config = Config { workers: choices.workers, admin, ..loaded.config };
    if let (Some(certificate), [listener]) = (&choices.certificate, &mut config.listeners[..]) {
        let tls = TlsConfig::new(vec![certificate.source()]);
        listener.tls = Some(TlsConfig { carries: listener.protocol, http2: listener.http2, ..tls });
    }
    Ok(config)
}

/// As it is written. The demo's endpoints say how much they have to do.
fn balance(algorithm: Algorithm) -> String {
    let name = algorithm.name();
    match algorithm {
        Algorithm::Prequal => format!("{{ algorithm = \"{name}\", path = \"{LOAD_PATH}\" }}"),
        _ => format!("\"{name}\""),
    }
}

/// How to build the demo by hand: the config, with ports to remember, and the commands beside it.
pub(super) fn by_hand(choices: &Choices) -> Result<String, Failure> {
    let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
    let ports: Vec<u16> = (9001..).take(ROLES.len()).collect();
    let endpoints: Vec<SocketAddr> = ports.iter().copied().map(address).collect();
    let mut text = "# The demo by hand. Each of these in a terminal of its own:\n".to_owned();
    for (port, role) in ports.iter().zip(&ROLES) {
        let words = role.words();
        text.push_str(&format!(
            "#   evenkeel origin {port} {words} --delay-distribution lognormal --body 1KiB\n"
        ));
    }
    text.push_str("#   evenkeel run -c demo.toml          with what follows in demo.toml\n");
    let words = match &choices.certificate {
        Some(it) => format!("https://127.0.0.1:8080/ --cacert {}", it.chain().display()),
        None => "http://127.0.0.1:8080/".to_owned(),
    };
    text.push_str(&format!("#   evenkeel load {words} --rate 500 --duration 60s\n\n"));
    text.push_str(&to_toml(&config(address(8080), &endpoints, choices)?));
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHOICES: &Choices = &Choices {
        balance: Algorithm::RoundRobin,
        workers: WorkerCount::Fixed(2),
        certificate: None,
    };

    #[test]
    fn what_is_shown_is_a_config_that_says_the_same() {
        let text = by_hand(CHOICES).unwrap();
        let shown = Config::parse("shown", &text).unwrap();
        assert!(shown.warnings.is_empty(), "{}", shown.warnings.render(false));
        let endpoints = [9001, 9002, 9003, 9004].map(|port| ([127, 0, 0, 1], port).into());
        let bind = ([127, 0, 0, 1], 8080).into();
        let mut expected = config(bind, &endpoints, CHOICES).unwrap();
        // A file cannot say `preferred`.
        expected.admin = AdminBind::Fixed(AdminBind::DEFAULT_ADDRESS);
        assert_eq!(shown.config, expected);
    }

    #[test]
    fn by_https_it_names_the_certificate_and_trusts_it() {
        let certificate = Some(DevelopmentCertificate::default());
        let text = by_hand(&Choices { certificate, ..CHOICES.clone() }).unwrap();
        let file = DevelopmentCertificate::default().chain().display().to_string();
        let load = format!("load https://127.0.0.1:8080/ --cacert {file} --rate");
        assert!(text.contains(&load), "{text}");
        assert!(text.contains("protocol = \"https\"\n"), "{text}");
        assert!(text.contains(&format!("cert = \"{file}\"")), "{text}");
    }

    #[test]
    fn the_commands_beside_it_start_every_role() {
        let text = by_hand(CHOICES).unwrap();
        assert!(text.contains("evenkeel origin 9003 --name C --delay 60ms --delay-dist"), "{text}");
        assert!(text.contains("evenkeel origin 9004 --name D --delay 5ms --fail 3% "), "{text}");
    }
}
