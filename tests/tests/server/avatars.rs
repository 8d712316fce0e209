//! `GET …/avatar`: the pictures of operators.

use tests::app::{ALPHA, BETA, TestApp};

/// One pixel, as a PNG.
const DOT: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89\0\0\0\rIDATx\x9cc\xf8\xcf\xc0\xf0\x1f\0\x05\0\x01\xff\x89\x99=\x1d\0\0\0\0IEND\xaeB`\x82";

#[tokio::test]
async fn a_picture_is_given_out_to_the_pages_of_its_sites_and_as_nothing_but_a_picture() {
    let app = TestApp::start().await;
    let path = |site: &str, name: &str| format!("/api/site/avatar?site_token={site}&name={name}");
    let ask = async |site: &str, name: &str| app.get(&path(site, name)).send().await;
    assert_eq!(ask(ALPHA, "alpha").await.status, 204, "it has none yet");
    assert!(app.admin().set_avatar("alpha@desk.example", Some(DOT)).unwrap());
    assert!(!app.admin().set_avatar("nobody@desk.example", Some(DOT)).unwrap());
    let answer = ask(ALPHA, "alpha").await;
    assert_eq!((answer.status, &*answer.body), (200, DOT));
    for (name, value) in [
        ("content-type", "image/png"),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "sandbox; default-src 'none'"),
    ] {
        assert_eq!(answer.header(name), value, "{name}");
    }
    assert_eq!(ask(BETA, "alpha").await.status, 204, "an operator of another site");
    assert_eq!(ask(ALPHA, "nobody").await.status, 204);
    assert_eq!(ask("st_none", "alpha").await.status, 404);
    assert_eq!(app.get("/api/widget/avatar?assistant_id=1&name=alpha").send().await.status, 200);
    let evil = app.get(&path(ALPHA, "alpha")).header("origin", "https://evil.example").send().await;
    assert_eq!(evil.status, 403);
    app.admin().set_avatar("alpha@desk.example", None).unwrap();
    assert_eq!(ask(ALPHA, "alpha").await.status, 204);
}
