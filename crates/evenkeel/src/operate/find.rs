//! Finds the endpoint that a person means: its name, its port, or so much of its name that no other can be meant. Called by
//! the commands that take an endpoint.

use evenkeel_control::admin::{ClusterStatus, EndpointStatus, Status};
use evenkeel_control::config::closest;

use crate::admin_client::AdminClient;
use crate::failure::Failure;

/// Which endpoint.
#[derive(clap::Args)]
pub(super) struct EndpointArgs {
    /// Its name, as in 10.0.0.1:8080; its port, or the beginning or end of its name, will do if no other has it. CLUSTER/ENDPOINT
    /// names the one of that cluster
    #[arg(value_name = "ENDPOINT")]
    pub(super) endpoint: String,

    /// The cluster that it is in, if several have it
    #[arg(long, value_name = "CLUSTER")]
    pub(super) cluster: Option<String>,
}

/// An endpoint of a running balancer, and its cluster.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found<'a> {
    pub(super) cluster: &'a ClusterStatus,
    pub(super) endpoint: &'a EndpointStatus,
}

impl EndpointArgs {
    /// The names of the cluster and of the endpoint that is meant, as `client` knows them.
    pub(super) fn names(&self, client: &AdminClient) -> Result<(String, String), Failure> {
        let status = client.status()?.meaning;
        let found = self.find(&status).map_err(Failure::Running)?;
        Ok((found.cluster.name.clone(), found.endpoint.name.clone()))
    }

    /// The endpoint that is meant, or a sentence that says why that is not clear, and what is there.
    pub(super) fn find<'a>(&self, status: &'a Status) -> Result<Found<'a>, String> {
        let (cluster, word) = self.split(status);
        let word = word.to_ascii_lowercase();
        let candidates = match cluster {
            Some(name) => of_cluster(find_cluster(status, name)?),
            None => status.clusters.iter().flat_map(of_cluster).collect(),
        };
        for fits in [is_name, is_port, is_part] {
            let mut fitting = candidates.iter().filter(|found| fits(&found.endpoint.name, &word));
            match (fitting.next(), fitting.next()) {
                (None, _) => {}
                (Some(one), None) => return Ok(*one),
                (Some(_), Some(_)) => {
                    let all = candidates.iter().filter(|found| fits(&found.endpoint.name, &word));
                    return Err(self.ambiguous(&all.copied().collect::<Vec<_>>()));
                }
            }
        }
        Err(self.unknown(&candidates))
    }

    /// The cluster, if one is named, and what is said of the endpoint. An address has no slash.
    fn split<'a>(&'a self, status: &Status) -> (Option<&'a str>, &'a str) {
        let is_cluster = |name: &str| status.clusters.iter().any(|cluster| cluster.name == name);
        match (&self.cluster, self.endpoint.split_once('/')) {
            (None, Some((cluster, endpoint))) => (Some(cluster), endpoint),
            (Some(named), Some((cluster, endpoint))) if named == cluster && is_cluster(cluster) => {
                (Some(cluster), endpoint)
            }
            (named, _) => (named.as_deref(), &self.endpoint),
        }
    }

    fn ambiguous(&self, found: &[Found<'_>]) -> String {
        let word = &self.endpoint;
        let first = &found[0];
        if found.iter().all(|each| each.endpoint.name == first.endpoint.name) {
            let names = list(found.iter().map(Found::whole_name));
            let (name, hint) = (&first.endpoint.name, first.whole_name());
            return format!(
                "{name} is in several clusters: {names}\n  say which is meant, as in {hint}, or with --cluster {}",
                first.cluster.name
            );
        }
        let names = named(found);
        format!("`{word}` may be any of several endpoints: {names}\n  write more of its name")
    }

    fn unknown(&self, candidates: &[Found<'_>]) -> String {
        let (cluster, word) = (self.cluster.as_deref(), self.endpoint.as_str());
        let (cluster, word) =
            word.split_once('/').map_or((cluster, word), |(name, word)| (Some(name), word));
        let where_ = match cluster {
            Some(cluster) => format!("cluster `{cluster}`"),
            None => "this balancer".to_owned(),
        };
        // A port is compared with ports, which are far from whole names.
        let is_port = word.bytes().all(|byte| byte.is_ascii_digit());
        let comparable = |name: &'_ str| if is_port { port(name).len() } else { name.len() };
        let words = candidates.iter().map(|found| {
            let name = found.endpoint.name.as_str();
            &name[name.len() - comparable(name)..]
        });
        let hint = match closest(word, words) {
            Some(close) => format!("did you mean {close}?"),
            None => format!("there are: {}", named(candidates)),
        };
        format!("{where_} has no endpoint `{word}`\n  {hint}")
    }
}

impl Found<'_> {
    /// With its cluster, as it may be written, too.
    fn whole_name(&self) -> String {
        format!("{}/{}", self.cluster.name, self.endpoint.name)
    }
}

/// Their names; with their clusters, if they are of several.
fn named(found: &[Found<'_>]) -> String {
    let several = found.iter().any(|each| each.cluster.name != found[0].cluster.name);
    let name = |each: &Found<'_>| match several {
        true => each.whole_name(),
        false => each.endpoint.name.clone(),
    };
    list(found.iter().map(name))
}

/// The cluster called `name`.
pub(crate) fn find_cluster<'a>(
    status: &'a Status,
    name: &str,
) -> Result<&'a ClusterStatus, String> {
    let mut clusters = status.clusters.iter();
    clusters.find(|cluster| cluster.name == name).ok_or_else(|| unknown_cluster(status, name))
}

/// What is said when there is no cluster `name`.
fn unknown_cluster(status: &Status, name: &str) -> String {
    let names = status.clusters.iter().map(|cluster| cluster.name.as_str());
    let hint = match closest(name, names.clone()) {
        Some(close) => format!("did you mean {close}?"),
        None => format!("there are: {}", list(names)),
    };
    format!("this balancer has no cluster `{name}`\n  {hint}")
}

fn of_cluster(cluster: &ClusterStatus) -> Vec<Found<'_>> {
    cluster.endpoints.iter().map(|endpoint| Found { cluster, endpoint }).collect()
}

fn is_name(name: &str, word: &str) -> bool {
    name == word
}

fn is_port(name: &str, word: &str) -> bool {
    let digits = word.strip_prefix(':').unwrap_or(word);
    digits.bytes().all(|byte| byte.is_ascii_digit()) && port(name) == digits
}

/// Whole parts only: `app1` is the beginning of `app1.internal:80` and not of `app10:80`.
fn is_part(name: &str, word: &str) -> bool {
    let begins = name.strip_prefix(word).is_some_and(|rest| rest.starts_with(SEPARATORS));
    let ends = name
        .strip_suffix(word)
        .is_some_and(|rest| rest.ends_with(SEPARATORS) || word.starts_with(SEPARATORS));
    !word.is_empty() && (begins || ends)
}

fn port(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(_, port)| port)
}

/// The first of them, and how many more there are.
pub(super) fn list<S: AsRef<str>>(names: impl Iterator<Item = S>) -> String {
    let names: Vec<S> = names.collect();
    let shown: Vec<&str> = names.iter().take(SHOWN_MAX).map(AsRef::as_ref).collect();
    let shown = shown.join(", ");
    match names.len().saturating_sub(SHOWN_MAX) {
        0 if names.is_empty() => "none".to_owned(),
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// Where one part of a name ends and the next begins.
const SEPARATORS: [char; 5] = ['.', ':', '-', '[', ']'];

/// A list that a person can look through.
const SHOWN_MAX: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::fixture::{cluster, status};

    fn find(word: &str, cluster_name: Option<&str>) -> Result<String, String> {
        let status = status(vec![
            cluster("api", &["10.0.0.1:8080", "10.0.0.2:8080", "app1.internal:80", "[::1]:9001"]),
            cluster("web", &["10.0.0.1:8080", "app10:81"]),
        ]);
        let (endpoint, cluster) = (word.to_owned(), cluster_name.map(str::to_owned));
        let args = EndpointArgs { endpoint, cluster };
        let found = args.find(&status)?;
        Ok(format!("{} {}", found.cluster.name, found.endpoint.name))
    }

    #[test]
    fn an_endpoint_is_found_by_its_name_its_port_or_a_part() {
        for (word, cluster, found) in [
            ("10.0.0.2:8080", None, "api 10.0.0.2:8080"),
            ("10.0.0.1:8080", Some("web"), "web 10.0.0.1:8080"),
            ("web/10.0.0.1:8080", None, "web 10.0.0.1:8080"),
            ("web/8080", Some("web"), "web 10.0.0.1:8080"),
            ("80", None, "api app1.internal:80"),
            (":81", None, "web app10:81"),
            ("9001", None, "api [::1]:9001"),
            ("8080", Some("web"), "web 10.0.0.1:8080"),
            ("app1", None, "api app1.internal:80"),
            ("APP10", None, "web app10:81"),
            ("internal:80", None, "api app1.internal:80"),
            ("0.2:8080", None, "api 10.0.0.2:8080"),
            ("10.0.0.2", None, "api 10.0.0.2:8080"),
        ] {
            assert_eq!(find(word, cluster).as_deref(), Ok(found), "{word}");
        }
    }

    #[test]
    fn who_may_be_meant_is_listed_when_it_is_not_clear() {
        for (word, cluster, parts) in [
            (
                "10.0.0.1:8080",
                None,
                ["several clusters: api/10.0.0.1:8080, web/10.0.0.1:8080", "--cluster api"],
            ),
            (
                "8080",
                None,
                [
                    "may be any of several endpoints: api/10.0.0.1:8080, api/10.0.0.2:8080",
                    ", web/10.0.0.1:8080",
                ],
            ),
            (
                "web/9002",
                None,
                ["cluster `web` has no endpoint `9002`", "there are: 10.0.0.1:8080"],
            ),
            ("wbe/8080", None, ["no cluster `wbe`", "did you mean web?"]),
            ("elsewhere", None, ["no endpoint", "there are: api/10.0.0.1:8080, "]),
            ("8080", Some("api"), ["may be any of", "10.0.0.1:8080, 10.0.0.2:8080"]),
            ("9002", None, ["this balancer has no endpoint `9002`", "did you mean 9001?"]),
            ("10.0.0.3:8080", Some("web"), ["cluster `web` has no", "did you mean 10.0.0.1:8080?"]),
            (
                "elsewhere",
                Some("web"),
                ["no endpoint `elsewhere`", "there are: 10.0.0.1:8080, app10:81"],
            ),
            ("8080", Some("wbe"), ["no cluster `wbe`", "did you mean web?"]),
            ("8080", Some("static"), ["no cluster `static`", "there are: api, web"]),
        ] {
            let refusal = find(word, cluster).unwrap_err();
            assert!(parts.iter().all(|part| refusal.contains(part)), "{word}: {refusal}");
        }
    }

    #[test]
    fn a_long_list_is_cut() {
        let names: Vec<String> = (0..12).map(|number| format!("e{number}")).collect();
        let shown = list(names.iter().map(String::as_str));
        assert!(shown.ends_with("e9 and 2 more"), "{shown}");
        assert_eq!(list::<&str>([].into_iter()), "none");
    }
}
