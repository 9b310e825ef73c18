//! From the text of a config to one tree: variables are expanded, files included and merged. `Config::read` decodes the tree.

use toml::Spanned;
use toml::de::DeTable;

use super::diagnostic::Sink;
use super::expand::{Expander, Expansions, Variables};
use super::files::Files;
use super::include;
use super::merge::{merge, shift};
use super::sources::Sources;
use super::syntax::Broken;

/// A config's text and that of the files it includes, as one tree.
pub(super) struct Assembled<'t> {
    pub(super) tree: Spanned<DeTable<'t>>,
    /// All the texts.
    pub(super) sources: &'t Sources,
    /// What is no TOML in each of them.
    pub(super) broken: Vec<Broken>,
    pub(super) expansions: Expansions,
    /// Whether every file to include is there; if not, nothing can be said to be absent.
    pub(super) is_whole: bool,
}

/// Assembles `text`, which `sources` has as its main one; those of other files are added to these.
pub(super) fn assemble<'t>(
    text: &'t str,
    sources: &'t mut Sources,
    files: &dyn Files,
    variables: &Variables<'_>,
    sink: &Sink,
) -> Assembled<'t> {
    let (mut tree, errors) = DeTable::parse_recoverable(text);
    let mut expander = Expander::new(variables, sink);
    expander.expand(tree.get_mut(), text, 0);
    let is_whole = include::read(&tree, files, sources, sink);
    let sources: &Sources = sources;
    let mut broken = vec![Broken { base: 0, errors }];
    for (base, source) in sources.included() {
        let (part, errors) = DeTable::parse_recoverable(&source.text);
        let mut part = shift(part.into_inner(), base);
        expander.expand(&mut part, &source.text, base);
        merge(tree.get_mut(), part, sink);
        broken.push(Broken { base, errors });
    }
    Assembled { tree, sources, broken, expansions: expander.finish(), is_whole }
}

impl Assembled<'_> {
    /// Whether some of it is no TOML, so that the tree is a guess.
    pub(super) fn is_broken(&self) -> bool {
        self.broken.iter().any(|file| !file.errors.is_empty())
    }
}
