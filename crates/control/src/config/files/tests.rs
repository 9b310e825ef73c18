use super::super::Config;
use super::*;

const PAGES: &str = "[listener.web]\nbind = ':8080'\nto = '127.0.0.1:9001'\nerrors.pages = { 503 = 'sorry.html' }\n";

/// What `Config::load` says about [`PAGES`], after `prepare` was done to the folder.
fn loaded(prepare: impl FnOnce(&Path)) -> Result<super::super::Loaded, String> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("evenkeel.toml"), PAGES).unwrap();
    prepare(folder.path());
    Config::load(&folder.path().join("evenkeel.toml")).map_err(|report| report.to_string())
}

#[test]
fn a_page_is_read_from_the_folder_of_the_config() {
    let loaded = loaded(|folder| fs::write(folder.join("sorry.html"), "<p>{status}").unwrap());
    let page = &loaded.unwrap().config.listeners[0].errors.pages[0];
    assert_eq!((page.file.as_str(), &*page.page.template), ("sorry.html", "<p>{status}"));
    assert_eq!(
        (page.page.statuses.clone(), &*page.page.media_type),
        (503..=503, "text/html; charset=utf-8")
    );
}

#[test]
fn a_page_that_is_not_there_says_where_it_was_looked_for() {
    let said = loaded(|_| ()).unwrap_err();
    assert!(said.contains("error[EK0401]: there is no page `sorry.html`"), "{said}");
    assert!(said.contains("evenkeel.toml:4:24"), "{said}");
    assert!(said.contains("the folder of this config"), "{said}");
}

#[test]
fn a_page_has_256_kib_and_no_more() {
    let page = |bytes: usize| {
        move |folder: &Path| fs::write(folder.join("sorry.html"), vec![b'x'; bytes]).unwrap()
    };
    assert!(loaded(page(256 * 1024)).is_ok());
    let said = loaded(page(256 * 1024 + 1)).unwrap_err();
    assert!(said.contains("error[EK0403]: page `sorry.html` has more than 256 KiB"), "{said}");
}

#[test]
fn what_is_no_file_is_no_page_and_is_not_waited_for() {
    let said = loaded(|folder| fs::create_dir(folder.join("sorry.html")).unwrap()).unwrap_err();
    assert!(said.contains("error[EK0402]") && said.contains("name the file in it"), "{said}");
    let said = loaded(|folder| {
        std::os::unix::fs::symlink("/dev/zero", folder.join("sorry.html")).unwrap();
    });
    assert!(said.unwrap_err().contains("a device or a pipe"));
}

#[test]
fn a_page_that_is_not_text_says_in_which_line() {
    let said =
        loaded(|folder| fs::write(folder.join("sorry.html"), b"<p>\nB\xe4h").unwrap()).unwrap_err();
    assert!(said.contains("error[EK0404]: line 2 of page `sorry.html` is not text"), "{said}");
}

#[test]
fn a_config_that_is_no_file_has_no_pages() {
    let report = Config::parse("text", PAGES).unwrap_err();
    assert_eq!(report.diagnostics()[0].code, Code::PageUnreadable);
}

#[test]
fn a_log_needs_a_directory_to_be_in() {
    let said = |path: &str| {
        let text =
            format!("[listener.web]\nbind = ':8080'\nto = '9001'\n[log]\naccess.path = '{path}'\n");
        let codes = |report: super::super::Report| report.diagnostics()[0].code;
        Config::parse_with("text", &text, &Folder::new("")).map(|_| ()).map_err(codes)
    };
    assert_eq!(said("-"), Ok(()));
    assert_eq!(said("access.log"), Ok(()));
    assert_eq!(said("./access.log"), Ok(()));
    assert_eq!(said("/dev/stderr"), Ok(()));
    assert_eq!(said("/"), Err(Code::BadFilePath));
    assert_eq!(said("/dev"), Err(Code::LogPlace));
    assert_eq!(said(".."), Err(Code::LogPlace));
    assert_eq!(said("/nonexistent/access.log"), Err(Code::LogPlace));
    assert_eq!(said("/dev/null/access.log"), Err(Code::LogPlace));
    assert_eq!(said(""), Err(Code::BadFilePath));
}

/// As root nothing is forbidden, so that the refusal to look is a loop of links.
#[test]
fn a_directory_that_cannot_be_looked_at_is_not_said_to_be_absent() {
    let folder = tempfile::tempdir().unwrap();
    let looped = folder.path().join("loop");
    std::os::unix::fs::symlink(&looped, &looped).unwrap();
    let files = Folder::new("");
    assert_eq!(files.is_directory(&looped), None);
    assert_eq!(files.is_directory(folder.path()), Some(true));
    assert_eq!(files.is_directory(&folder.path().join("absent")), Some(false));
    assert_eq!(files.is_directory(Path::new("/dev/null/below")), Some(false));
    let text = format!(
        "[listener.web]\nbind = ':8080'\nto = '9001'\n[log]\naccess.path = '{}'\n",
        looped.join("access.log").display()
    );
    assert!(Config::parse_with("text", &text, &files).is_ok());
}
