use super::*;

static FORM: Form =
    Form { names: &["name", "weight", "backup", "state"], example: "{\"weight\": 3}" };

fn body(text: &str) -> Result<Fields, Problem> {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    Fields::of_body(&FORM, &headers, text.as_bytes())
}

fn query(text: &str) -> Result<Fields, Problem> {
    Fields::of_query(&FORM, &format!("/x?{text}").parse().unwrap())
}

/// Reads everything that may be there.
fn read(fields: &Fields) -> Result<(), Problem> {
    fields.text("name")?;
    fields.number("weight", 65_535)?;
    fields.flag("backup")?;
    fields.word("state", &["up", "down"])?;
    Ok(())
}

#[test]
fn what_is_right_is_read() {
    let fields = body(r#"{"name":"a","weight":65535,"backup":true,"state":"down"}"#).unwrap();
    assert_eq!(fields.text("name").unwrap(), Some("a"));
    assert_eq!(fields.number("weight", 65_535).unwrap(), Some(65_535));
    assert_eq!(fields.flag("backup").unwrap(), Some(true));
    assert_eq!(fields.word("state", &["up", "down"]).unwrap(), Some(1));
    let fields = query("name=1&weight=7").unwrap();
    assert_eq!(fields.text("name").unwrap(), Some("1"));
    assert_eq!(fields.number("weight", 7).unwrap(), Some(7));
    assert_eq!(fields.flag("backup").unwrap(), None);
    assert_eq!(body(r#"{"weight":null}"#).unwrap().number("weight", 1).unwrap(), None);
}

#[test]
fn an_error_speaks_of_numbers_and_fields_and_not_of_structs_and_u32() {
    let number = "`weight` has to be a whole number from 0 to 65535; it is";
    for (text, error) in [
        ("", "the body is empty"),
        ("[]", "the body has to be a JSON object"),
        ("\"weight\"", "the body has to be a JSON object"),
        ("{\"weight\":", "the body is no JSON: it ends in the middle"),
        ("{\"weight\":1} x", "the body is no JSON: see line 1, column 14"),
        (r#"{"weight":-1}"#, &format!("{number} -1")),
        (r#"{"weight":1.5}"#, &format!("{number} 1.5")),
        (r#"{"weight":"3"}"#, &format!("{number} \"3\"")),
        (r#"{"weight":65536}"#, &format!("{number} 65536")),
        (r#"{"weight":[3]}"#, &format!("{number} a list")),
        (r#"{"weight":{}}"#, &format!("{number} an object")),
        (r#"{"weight":1,"weight":2}"#, "`weight` is there twice"),
        (r#"{"wieght":1}"#, "there is no \"wieght\" here; did you mean `weight`?"),
        (
            r#"{"colour":1}"#,
            "there is no \"colour\" here; there is `name`, `weight`, `backup` and `state`",
        ),
        (r#"{"name":8}"#, "`name` has to be a text in quotes; it is 8"),
        (r#"{"backup":"yes"}"#, "`backup` has to be true or false; it is \"yes\""),
        (r#"{"state":"off"}"#, "`state` has to be one of \"up\" and \"down\"; it is \"off\""),
    ] {
        let problem = body(text).and_then(|fields| read(&fields)).unwrap_err();
        let said = problem.explanation();
        assert_eq!(said.error, error, "{text}");
        assert!(said.help.as_ref().is_some_and(|help| help.contains("as in")), "{text}");
    }
    let problem = query("weight=x").and_then(|fields| read(&fields)).unwrap_err();
    assert_eq!(problem.explanation().error, format!("{number} \"x\""));
    let since = query("weight=-1").unwrap().number("weight", u64::MAX).unwrap_err();
    let error = "`weight` has to be a whole number, 0 or more; it is \"-1\"";
    assert_eq!(since.explanation().error, error);
}
