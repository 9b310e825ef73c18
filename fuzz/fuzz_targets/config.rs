//! Any text as a config: no panic, and what is accepted is written so that it is read as the same. Zero bytes part the main
//! file from those that it may include as `a`, `b` and so on; see [`Parts`].
#![no_main]

use std::ffi::OsString;
use std::io;
use std::path::Path;

use evenkeel_control::config::{Config, Files, to_toml};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let parts: Vec<&str> = text.split('\0').collect();
    let files = Parts(&parts);
    match Config::read("main", parts[0], &files, &variable) {
        Err(report) => {
            assert!(report.errors() > 0);
            assert!(report.to_string().ends_with(".\n"));
            check_places(&serde_json::to_value(report.verdict(false)).expect("it is JSON"));
        }
        Ok(loaded) => {
            assert_eq!(loaded.warnings.errors(), 0);
            check_places(&serde_json::to_value(loaded.warnings.verdict(true)).expect("it is JSON"));
            let written = to_toml(&loaded.config);
            let again = Config::parse_with("written", &written, &files);
            let again = again.unwrap_or_else(|report| panic!("{report}\n{written}"));
            assert_eq!(again.config, loaded.config, "{written}");
        }
    }
});

/// Every place is in a file, and does not end before it starts.
fn check_places(verdict: &serde_json::Value) {
    for place in verdict["diagnostics"].as_array().into_iter().flatten() {
        let number = |key: &str| place[key].as_u64().unwrap_or(1);
        assert!(number("line") >= 1 && number("column") >= 1, "{place}");
        let (start, end) =
            ((number("line"), number("column")), (number("end_line"), number("end_column")));
        assert!(start <= end, "{place}");
    }
}

/// Variables of all kinds; most are not set.
fn variable(name: &str) -> Option<OsString> {
    let value = match name {
        "A" => "8080",
        "B" => "",
        "C" => "127.0.0.1:9001",
        "D" => "${A}$$\"\n[x]",
        "KEY" => "secret",
        _ => return None,
    };
    Some(value.into())
}

/// The parts of the input as files; pages are there whatever they are called.
struct Parts<'a>(&'a [&'a str]);

impl Files for Parts<'_> {
    fn read(&self, path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
        let name = path.to_string_lossy();
        if path.extension().is_some() {
            return Ok(format!("this is {name}").into_bytes());
        }
        let position = match name.trim_start_matches("./").as_bytes() {
            [letter @ b'a'..=b'z'] => usize::from(letter - b'a') + 1,
            _ => return Err(io::ErrorKind::NotFound.into()),
        };
        let part = self.0.get(position).ok_or(io::ErrorKind::NotFound)?;
        if part.len() as u64 > bytes_max {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(part.as_bytes().to_vec())
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<OsString>> {
        if !folder.as_os_str().is_empty() {
            return Err(io::ErrorKind::NotFound.into());
        }
        let names = (b'a'..=b'z').take(self.0.len() - 1);
        Ok(names.map(|letter| char::from(letter).to_string().into()).collect())
    }

    fn is_directory(&self, path: &Path) -> Option<bool> {
        Some(path.to_string_lossy().ends_with("folder"))
    }
}
