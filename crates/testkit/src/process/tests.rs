use super::*;

const SOON: Duration = Duration::from_secs(10);

fn shell(script: &str) -> Process {
    Process::spawn(Command::new("sh").args(["-c", script])).unwrap()
}

#[test]
fn lines_of_both_streams_are_found_and_kept_apart() {
    let mut process = shell("echo one; echo two >&2; echo one more");
    assert_eq!(process.wait_for_line("two", SOON).unwrap(), "two");
    assert_eq!(process.wait_for_lines("one", 2, SOON).unwrap(), "one more");
    assert!(process.exit_status(SOON).unwrap().success());
    assert_eq!((process.stdout(), process.stderr()), ("one\none more\n".into(), "two\n".into()));
}

#[test]
fn an_early_end_fails_at_once_and_shows_what_was_printed() {
    let error = shell("echo cannot bind; exit 3").wait_for_line("ready", SOON).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    assert!(error.to_string().contains("cannot bind"), "{error}");
}

#[test]
fn a_missing_line_times_out() {
    let process = shell("echo up; while :; do :; done");
    process.wait_for_line("up", SOON).unwrap();
    let error = process.wait_for_line("never", Duration::from_millis(20)).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
}

#[test]
fn the_exit_code_and_a_signal_are_reported() {
    assert_eq!(shell("exit 78").exit_status(SOON).unwrap().code(), Some(78));
    let mut process = shell("trap 'echo bye; exit 7' TERM; echo up; while :; do :; done");
    process.wait_for_line("up", SOON).unwrap();
    process.signal(Signal::TERM).unwrap();
    assert_eq!(process.exit_status(SOON).unwrap().code(), Some(7));
    assert_eq!(process.stdout(), "up\nbye\n");
}

#[test]
fn a_program_that_does_not_end_times_out() {
    let mut process = shell("echo up; while :; do :; done");
    process.wait_for_line("up", SOON).unwrap();
    let error = process.exit_status(Duration::from_millis(10)).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    assert!(process.is_running().unwrap());
}

#[test]
fn dropping_ends_the_program_and_its_children() {
    let process = shell("sh -c 'echo child $$; while :; do :; done' & wait");
    let line = process.wait_for_line("child", SOON).unwrap();
    let child: u32 = line.trim_start_matches("child ").parse().unwrap();
    let parent = process.pid();
    assert_eq!(usage::tree(parent).unwrap(), [parent, child]);
    drop(process);
    // A killed orphan is gone, or a zombie without a memory map until init reaps it.
    wait_until(SOON, || usage::pss_bytes(child).is_err()).unwrap();
    assert!(usage::cpu_time(parent).is_err());
}

#[test]
fn a_missing_program_is_named() {
    let error = Process::spawn(&mut Command::new("no-such-program")).unwrap_err();
    assert!(error.to_string().contains("no-such-program"), "{error}");
}
