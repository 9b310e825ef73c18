use super::super::diagnostic::Code;
use super::*;

fn report(text: &str, span: Option<Span>) -> Report {
    let source = Sources::new(Source { name: "a.toml".to_owned(), text: text.to_owned() });
    let diagnostic = Diagnostic::new(Code::UnknownKey, "wrong").label("here");
    Report::new(source, vec![Diagnostic { span, ..diagnostic }])
}

#[test]
fn the_caret_is_under_the_span_even_after_letters_of_several_bytes() {
    let text = "a = 1\nä = \"ö\" # ü\n";
    let start = text.find("\"ö\"").unwrap();
    let said = report(text, Some(start..start + "\"ö\"".len())).to_string();
    let expected = "error[EK0101]: wrong\n   ┌─ a.toml:2:5\n 2 │ ä = \"ö\" # ü\n   │     ^^^ here\n\n1 error.\n";
    assert_eq!(said, expected);
}

#[test]
fn a_span_that_is_nowhere_in_the_text_is_shown_at_its_end() {
    for text in ["", "a", "a\n", "a\r\n", "ä"] {
        for span in [0..0, 0..100, 1..1, 7..9] {
            let said = report(text, Some(span)).to_string();
            assert!(said.contains('^'), "{said}");
        }
    }
}

#[test]
fn control_characters_do_not_reach_the_terminal() {
    let said = report("a = \"\x1b[2J\"", Some(4..10)).to_string();
    assert!(!said.contains('\x1b'), "{said}");
}

#[test]
fn colour_is_only_put_around_what_is_said_anyhow() {
    let report = report("a = 1", Some(0..1));
    let mut coloured = report.render(true);
    assert!(coloured.contains("\x1b[1;31m"));
    for style in ["1;31", "1", "34", "0"] {
        coloured = coloured.replace(&format!("\x1b[{style}m"), "");
    }
    assert_eq!(coloured, report.to_string());
}

#[test]
fn what_is_about_the_whole_comes_first_and_the_rest_in_the_order_of_the_source() {
    let at = |code: Code, span: Option<Span>| Diagnostic { span, ..Diagnostic::new(code, "") };
    let source = Sources::new(Source { name: String::new(), text: "abc".to_owned() });
    let report = Report::new(
        source,
        vec![
            at(Code::UnusedCluster, Some(2..3)),
            at(Code::UnknownKey, Some(1..2)),
            at(Code::NoListener, None),
        ],
    );
    let codes: Vec<Code> = report.diagnostics().iter().map(|diagnostic| diagnostic.code).collect();
    assert_eq!(codes, [Code::NoListener, Code::UnknownKey, Code::UnusedCluster]);
    assert_eq!((report.errors(), report.warnings()), (2, 1));
    assert!(report.to_string().ends_with("\n2 errors, 1 warning.\n"));
}

#[test]
fn of_very_many_mistakes_the_first_errors_are_shown_and_all_are_counted() {
    let at = |code: Code, place: usize| Diagnostic::new(code, "").at(place..place + 1);
    let source = Source { name: String::new(), text: "x".repeat(3000) };
    let mut diagnostics: Vec<Diagnostic> =
        (0..1500).map(|place| at(Code::UnusedCluster, place)).collect();
    let warnings = Report::new(Sources::new(source.clone()), diagnostics.clone());
    assert!(warnings.to_string().ends_with("\n1500 warnings, of which 1000 are shown.\n"));
    diagnostics.push(at(Code::UnknownKey, 2999));
    let report = Report::new(Sources::new(source), diagnostics);
    assert_eq!((report.errors(), report.warnings()), (1, 1500));
    assert_eq!(report.diagnostics().len(), 1);
    assert!(report.to_string().ends_with("\n1 error, 1500 warnings, of which 1 is shown.\n"));
}
