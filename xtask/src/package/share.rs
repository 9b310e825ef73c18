//! Collects what a package puts into `/usr/share`: pages, examples, and what the binary can write about itself.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::Outcome;

/// Fills `share` anew; `binary` is asked for its manual and its completions.
pub(super) fn stage(share: &Path, binary: &Path) -> Outcome<()> {
    // Absent at the first time.
    drop(fs::remove_dir_all(share));
    let pages = share.join("doc/evenkeel");
    copy_all(Path::new("docs"), "md", &pages)?;
    copy_all(Path::new("examples"), "toml", &pages.join("examples"))?;
    copy_all(Path::new("packaging/systemd/examples"), "socket", &pages.join("examples"))?;
    for (words, file) in WRITTEN_BY_ITSELF {
        write_by(binary, words, &share.join(file))?;
    }
    Ok(())
}

/// Copies the files in `from` that end in `extension`; folders in it stay behind.
fn copy_all(from: &Path, extension: &str, to: &Path) -> Outcome<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        if path.extension().is_some_and(|found| found == extension)
            && let Some(name) = path.file_name()
        {
            fs::copy(&path, to.join(name))?;
        }
    }
    Ok(())
}

/// Writes what `binary` prints. One that does not know the command yet ends with 2, wrong usage, and is packed without it.
fn write_by(binary: &Path, words: &[&str], file: &Path) -> Outcome<()> {
    let output = Command::new(binary).args(words).output()?;
    match output.status.code() {
        Some(0) => {
            if let Some(folder) = file.parent() {
                fs::create_dir_all(folder)?;
            }
            Ok(fs::write(file, output.stdout)?)
        }
        Some(2) => {
            println!(
                "not packed, because `evenkeel {}` is not a command: {}",
                words.join(" "),
                file.display()
            );
            Ok(())
        }
        _ => Err(format!("evenkeel {}: {}", words.join(" "), output.status).into()),
    }
}

/// Words on the command line, and where what they print belongs.
const WRITTEN_BY_ITSELF: [(&[&str], &str); 4] = [
    (&["man"], "man/man1/evenkeel.1"),
    (&["completions", "bash"], "bash-completion/completions/evenkeel"),
    (&["completions", "zsh"], "zsh/vendor-completions/_evenkeel"),
    (&["completions", "fish"], "fish/vendor_completions.d/evenkeel.fish"),
];
