//! The arguments that lead to an admin API; the same for every command that talks to one.

use std::env;
use std::path::{Path, PathBuf};

use evenkeel_control::config::{AdminBind, AdminSection};

use super::error::ClientError;
use super::place::{Located, Place, Source};
use super::token::{self, Token};

/// Which balancer, and what opens it.
#[derive(clap::Args)]
#[command(next_help_heading = "Which balancer")]
pub(crate) struct AdminArgs {
    /// Where its admin API is: PORT, ADDRESS:PORT or unix:PATH [default: as -c FILE says; or else EVENKEEL_ADMIN; or else
    /// ./evenkeel.toml, if there is one; or else 127.0.0.1:9900]
    #[arg(long, value_name = "ADDRESS", value_parser = Place::parse)]
    admin: Option<Place>,

    /// The config that it runs from, which says where its admin API is
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// A file that holds the token of its admin API [default: what EVENKEEL_TOKEN holds, or what the config says]
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

/// What there is beside the arguments.
pub(super) struct Surroundings {
    /// What `EVENKEEL_ADMIN` holds.
    pub(super) address: Option<String>,
    /// The config in the current folder, which may not be there.
    pub(super) config: PathBuf,
}

/// The API, and what opens it.
#[derive(Debug)]
pub(super) struct Reached {
    pub(super) located: Located,
    pub(super) token: Option<Token>,
}

impl AdminArgs {
    /// Where the API is, and what opens it: what an argument says wins over the environment, and that over the config that lies
    /// here. A config that tells the address tells the token, too; the token of another one would go to a stranger.
    pub(super) fn reach(&self, around: &Surroundings) -> Result<Reached, ClientError> {
        let given = token::find(self.token_file.as_deref())?;
        let with = |located, said| Ok(Reached { located, token: or_said(given.clone(), said)? });
        let named = self.config.as_deref();
        if let Some(place) = self.admin.clone() {
            let said = named.and_then(AdminSection::read).map(|section| (named, section));
            return with(Located { place, source: Source::Given }, said);
        }
        if let Some(file) = named {
            let section = AdminSection::read(file).ok_or_else(|| unusable(file, BROKEN))?;
            return with(located_in(file, &section)?, Some((named, section)));
        }
        if let Some(text) = &around.address {
            let wrong = |help| ClientError::Unusable(format!("{VARIABLE} is {text:?}\n  {help}"));
            let place = Place::parse(text).map_err(wrong)?;
            return with(Located { place, source: Source::Given }, None);
        }
        let file = around.config.as_path();
        match AdminSection::read(file) {
            Some(section) => {
                let located = located_in(file, &section)?;
                if !located.place.is_here() {
                    return Err(unusable(file, ELSEWHERE));
                }
                with(located, Some((Some(file), section)))
            }
            None => {
                let unread = file.exists().then(|| file.to_owned());
                let place = Place::to_reach(AdminBind::DEFAULT_ADDRESS);
                with(Located { place, source: Source::Default { unread } }, None)
            }
        }
    }
}

impl Surroundings {
    /// Those of this process.
    pub(super) fn here() -> Self {
        let address = env::var(VARIABLE).ok().filter(|text| !text.is_empty());
        Surroundings { address, config: PathBuf::from(CONFIG) }
    }
}

fn or_said(
    given: Option<Token>,
    said: Option<(Option<&Path>, AdminSection)>,
) -> Result<Option<Token>, ClientError> {
    match (given, said) {
        (None, Some((Some(file), AdminSection { token: Some(token), .. }))) => {
            Token::read(token.reveal(), &file.display().to_string())
        }
        (given, _) => Ok(given),
    }
}

fn located_in(file: &Path, section: &AdminSection) -> Result<Located, ClientError> {
    let place = match &section.bind {
        AdminBind::Fixed(address) | AdminBind::Preferred(address) if address.port() > 0 => {
            Place::to_reach(*address)
        }
        AdminBind::Fixed(_) | AdminBind::Preferred(_) => return Err(unusable(file, ANY_PORT)),
        AdminBind::Unix(path) => Place::Unix(path.clone()),
        AdminBind::Off => return Err(unusable(file, OFF)),
    };
    Ok(Located { place, source: Source::Config(file.to_owned()) })
}

/// Its mistakes are not listed here: they hide the one thing that is of interest now.
fn unusable(file: &Path, problem: &str) -> ClientError {
    let name = file.display();
    ClientError::Unusable(format!("{name} {}", problem.replace("FILE", &name.to_string())))
}

/// Where the address may be said once for all commands.
pub(super) const VARIABLE: &str = "EVENKEEL_ADMIN";

/// As `evenkeel run` takes it.
const CONFIG: &str = "evenkeel.toml";

const BROKEN: &str = "does not say where the admin API is, or cannot be read\n  \
                      `evenkeel check -c FILE` says what is wrong; meanwhile give the address with --admin";

const OFF: &str = "switches the admin API off\n  to talk to the balancer, write \
                   `bind = \"127.0.0.1:9900\"` into its [admin] and start it again";

/// Whoever left that file here would get our token.
const ELSEWHERE: &str = "says that the admin API is on another machine\n  \
                         nobody has named that file: if it is meant, name it with -c, or the address with --admin";

const ANY_PORT: &str = "lets the admin API take any free port\n  the balancer has printed which when it started: \
                        give it with --admin";

#[cfg(test)]
impl AdminArgs {
    /// As if `address` stood behind `--admin`.
    pub(crate) fn at(address: &impl ToString) -> Self {
        let place = Place::parse(&address.to_string()).unwrap();
        AdminArgs { admin: Some(place), config: None, token_file: None }
    }

    /// As if nothing was said.
    pub(crate) fn none() -> Self {
        AdminArgs { admin: None, config: None, token_file: None }
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
