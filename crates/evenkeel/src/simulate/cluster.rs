//! What a config's cluster says, as the simulator understands it. Asked by `setting`.

use std::path::Path;

use evenkeel_control::conductor::balancing;
use evenkeel_control::config::{ClusterConfig, Config, EndpointConfig, Loaded};
use evenkeel_plan::balance::Algorithm;
use evenkeel_plan::health::{CheckKind, HealthCheck};
use evenkeel_plan::overload::Limits;
use evenkeel_sim::{EndpointModel, Scenario};

use crate::failure::{Failure, print_report};

/// Where endpoints and balancing come from.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    /// The cluster's name.
    pub(super) cluster: String,
    /// What the config has it balanced by.
    pub(super) algorithm: Algorithm,
}

/// Takes endpoints, balancing, health checks and limits of a cluster into `scenario`.
pub(super) fn adopt(
    scenario: &mut Scenario,
    file: &Path,
    wanted: Option<&str>,
) -> Result<Origin, Failure> {
    let Loaded { config, warnings, .. } = Config::load(file).map_err(Failure::Config)?;
    print_report(&warnings);
    let cluster = find(&config, wanted)?;
    scenario.endpoints = cluster.endpoints.iter().map(model).collect();
    scenario.balancing = balancing(cluster, config.zone.as_deref());
    scenario.health = check(&cluster.health).cloned();
    // Connections do not exist there: what they bound is requests.
    let (connections, requests) = (None, cluster.limits.in_flight(cluster.http));
    scenario.limits = Limits { connections, requests, ..cluster.limits.clone() };
    Ok(Origin { cluster: cluster.name.clone(), algorithm: scenario.balancing.algorithm })
}

fn find<'a>(config: &'a Config, wanted: Option<&str>) -> Result<&'a ClusterConfig, Failure> {
    let names =
        || config.clusters.iter().map(|each| each.name.as_str()).collect::<Vec<_>>().join(", ");
    match (wanted, config.clusters.as_slice()) {
        (None, [only]) => Ok(only),
        (None, _) => {
            let problem =
                format!("the config has several clusters; choose one by --cluster: {}", names());
            Err(Failure::Usage(problem))
        }
        (Some(name), clusters) => clusters.iter().find(|each| each.name == name).ok_or_else(|| {
            Failure::Usage(format!("the config has no cluster `{name}`; it has {}", names()))
        }),
    }
}

/// The simulator knows one: the first that would notice a program that hangs, for a connection is accepted all the same.
fn check(checks: &[HealthCheck]) -> Option<&HealthCheck> {
    checks.iter().find(|check| check.kind != CheckKind::Tcp).or(checks.first())
}

fn model(config: &EndpointConfig) -> EndpointModel {
    let EndpointConfig { name, weight, backup, .. } = config;
    EndpointModel { weight: *weight, backup: *backup, ..EndpointModel::new(name, None) }
}
