//! What a config says besides the plan: the admin API's address, the access log's place, how much is logged. Put in force by the
//! conductor together with the plan: prepared before it is published, committed after.

use std::fmt;
use std::sync::Arc;

use tokio::task::yield_now;

use crate::access_log::{OpenError, Place, Remote};
use crate::admin::{Address, Server, Socket};
use crate::conductor::BindProblem;
use crate::config::{AccessPath, AdminBind, Config, LogLevel};
use crate::overview::Overview;

/// Told how much to log.
pub type SetLevel = Box<dyn Fn(LogLevel) + Send + Sync>;

/// The parts of the process that follow the config without a plan.
pub(crate) struct Fittings {
    overview: Arc<Overview>,
    access_log: Remote,
    set_level: SetLevel,
    admin: Option<(AdminBind, Option<Server>)>,
    access: Option<AccessPath>,
    level: Option<LogLevel>,
}

/// What is opened already, but not in use yet.
pub(crate) struct Fitted {
    /// `None` where nothing is to change.
    admin: Option<(AdminBind, Opened)>,
    access: Option<(Option<AccessPath>, Place)>,
    level: LogLevel,
}

/// Where the admin API is to listen.
enum Opened {
    /// Where it does: it was only wanted in other words.
    Before,
    /// There, or nowhere.
    Now(Option<Socket>),
}

/// Why a part cannot be had.
#[derive(Debug)]
pub(crate) enum FittingError {
    /// The admin API's address.
    Admin(BindProblem),
    /// The access log's file.
    AccessLog(OpenError),
}

impl Fittings {
    /// Nothing is in force yet. `set_level` is told how much to log.
    pub(crate) fn new(overview: Arc<Overview>, access_log: Remote, set_level: SetLevel) -> Self {
        Self { overview, access_log, set_level, admin: None, access: None, level: None }
    }

    /// Opens what `config` needs and is not open yet.
    ///
    /// # Errors
    ///
    /// Then nothing has changed, but the access log's file may have been made.
    pub(crate) async fn prepare(&self, config: &Config) -> Result<Fitted, FittingError> {
        let in_use = self.admin.as_ref().map(|(bind, _)| bind);
        let admin = if in_use == Some(&config.admin) {
            None
        } else {
            let opened = self.open_admin(&config.admin).await.map_err(FittingError::Admin)?;
            Some((config.admin.clone(), opened))
        };
        let path = config.access.as_ref().map(|access| access.path.clone());
        let access = if path == self.access {
            None
        } else {
            let place = Place::open(path.clone()).map_err(FittingError::AccessLog)?;
            Some((path, place))
        };
        Ok(Fitted { admin, access, level: config.log_level })
    }

    async fn open_admin(&self, wanted: &AdminBind) -> Result<Opened, BindProblem> {
        // A socket that a reload just before this one has replaced is closed when its task has had a turn.
        yield_now().await;
        let server = self.admin.as_ref().and_then(|(_, server)| server.as_ref());
        let ours = server.map(Server::socket);
        match ours {
            Some(ours) if ours.is_at(wanted) => Ok(Opened::Before),
            _ => Socket::bind(wanted, ours).await.map(Opened::Now),
        }
    }

    /// Puts in use what was prepared, and ends what it replaces.
    pub(crate) fn commit(&mut self, fitted: Fitted) {
        match fitted.admin {
            None => {}
            Some((bind, Opened::Now(socket))) => self.serve_admin(bind, socket),
            Some((bind, Opened::Before)) => {
                let server = self.admin.take().and_then(|(_, server)| server);
                self.admin = Some((bind, server));
            }
        }
        if let Some((path, place)) = fitted.access {
            self.access_log.redirect(place);
            self.access = path;
        }
        if self.level != Some(fitted.level) {
            (self.set_level)(fitted.level);
            self.level = Some(fitted.level);
        }
    }
}

impl Fittings {
    fn serve_admin(&mut self, bind: AdminBind, socket: Option<Socket>) {
        let address: Option<Address> = socket.as_ref().map(Socket::address);
        let server = socket.map(|socket| Server::start(socket, Arc::clone(&self.overview)));
        self.overview.set_admin_address(address);
        // The one before answers what it was asked, and ends.
        self.admin = Some((bind, server));
    }
}

impl fmt::Debug for Fittings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fittings").field("access", &self.access).finish_non_exhaustive()
    }
}
