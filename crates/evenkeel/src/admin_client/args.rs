//! The arguments that lead to an admin API; the same for every command that talks to one.

use std::path::{Path, PathBuf};

use evenkeel_control::config::{AdminBind, Config, Loaded};

use super::error::ClientError;
use super::place::{Located, Place, Source};
use super::token::{self, Token};

/// Which balancer, and what opens it.
#[derive(clap::Args)]
#[command(next_help_heading = "Which balancer")]
pub(crate) struct AdminArgs {
    /// Where its admin API is: PORT, ADDRESS:PORT or unix:PATH [default: as -c says, or 127.0.0.1:9900]
    #[arg(long, value_name = "ADDRESS", env = "EVENKEEL_ADMIN", hide_env_values = true)]
    #[arg(value_parser = Place::parse)]
    admin: Option<Place>,

    /// The config that it runs from, which says where its admin API is
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// A file that holds the token of its admin API [default: what EVENKEEL_TOKEN holds]
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

impl AdminArgs {
    /// Where the API is: what is given wins over the config, and that over the default.
    pub(super) fn locate(&self) -> Result<Located, ClientError> {
        match (&self.admin, &self.config) {
            (Some(place), _) => Ok(Located { place: place.clone(), source: Source::Given }),
            (None, Some(file)) => locate_in(file),
            (None, None) => {
                let place = Place::to_reach(AdminBind::DEFAULT_ADDRESS);
                Ok(Located { place, source: Source::Default })
            }
        }
    }

    /// What opens it, if anything is given; or else what the config says that opens it.
    pub(super) fn token(&self) -> Result<Option<Token>, ClientError> {
        let given = token::find(self.token_file.as_deref())?;
        match (&given, &self.admin, &self.config) {
            (None, None, Some(file)) => match load(file)?.config.admin_token {
                Some(token) => Token::read(token.reveal(), &file.display().to_string()),
                None => Ok(None),
            },
            _ => Ok(given),
        }
    }
}

fn locate_in(file: &Path) -> Result<Located, ClientError> {
    let place = match load(file)?.config.admin {
        AdminBind::Fixed(address) | AdminBind::Preferred(address) if address.port() > 0 => {
            Place::to_reach(address)
        }
        AdminBind::Fixed(_) | AdminBind::Preferred(_) => return Err(unusable(file, ANY_PORT)),
        AdminBind::Unix(path) => Place::Unix(path),
        AdminBind::Off => return Err(unusable(file, OFF)),
    };
    Ok(Located { place, source: Source::Config(file.to_owned()) })
}

/// Its mistakes are not listed here: they hide the one thing that is of interest now.
fn load(file: &Path) -> Result<Loaded, ClientError> {
    Config::load(file).map_err(|_| {
        let name = file.display();
        unusable(
            file,
            &format!(
                "cannot be used, so it does not say where the admin API is\n  \
                 `evenkeel check -c {name}` says what is wrong; meanwhile give the address with --admin"
            ),
        )
    })
}

fn unusable(file: &Path, problem: &str) -> ClientError {
    ClientError::Unusable(format!("{} {problem}", file.display()))
}

const OFF: &str = "switches the admin API off\n  to talk to the balancer, write \
                   `bind = \"127.0.0.1:9900\"` into its [admin] and start it again";

const ANY_PORT: &str = "lets the admin API take any free port\n  the balancer has printed which when it started: \
                        give it with --admin";

#[cfg(test)]
impl AdminArgs {
    /// As if `address` stood behind `--admin`.
    pub(crate) fn at(address: &impl ToString) -> Self {
        let place = Place::parse(&address.to_string()).unwrap();
        AdminArgs { admin: Some(place), config: None, token_file: None }
    }

    /// As if `file` stood behind `-c`.
    pub(crate) fn of_config(file: PathBuf) -> Self {
        AdminArgs { admin: None, config: Some(file), token_file: None }
    }

    /// With `file` behind `--token-file`.
    pub(crate) fn with_token_file(self, file: PathBuf) -> Self {
        AdminArgs { token_file: Some(file), ..self }
    }
}
