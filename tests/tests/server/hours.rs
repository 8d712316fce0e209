//! Business hours, and whether anybody is there.

use serde_json::{Value, json};
use server::hours::Week;
use server::store::sqlite::{Admin, NewSite};
use tests::app::{ALPHA, TestApp, now};
use tests::socket::Socket;

/// Gives the first site hours, as `rejoin site set` does.
fn set(admin: &mut Admin, hours: Option<&str>, zone: &str, away: &str) {
    let site = admin.site(ALPHA).unwrap().unwrap();
    let changed = NewSite {
        id: Some(site.id),
        token: site.token,
        name: site.name,
        welcome: site.welcome,
        color: site.color,
        visitor_auth: site.visitor_auth,
        metrics: site.metrics,
        hours: hours.map(|hours| hours.parse::<Week>().unwrap()),
        zone: zone.parse().unwrap(),
        away: away.into(),
        origins: site.origins,
        files: site.files,
        locale: site.locale,
    };
    let put = admin.put_site(&changed).unwrap();
    assert_eq!((put.hours, put.zone, put.away), (changed.hours, changed.zone, changed.away), "as it was given");
}

async fn config(app: &TestApp) -> Value {
    app.get(&format!("/api/site/config?site_token={ALPHA}")).send().await.expect(200)
}

#[tokio::test]
async fn the_settings_say_whether_the_site_is_open_and_when_that_changes() {
    let app = TestApp::start().await;
    let plain = config(&app).await;
    assert_eq!(
        (&plain["hours"], &plain["away"], &plain["absent"]),
        (&Value::Null, &Value::Null, &json!(false)),
        "{plain}"
    );
    assert!(now().abs_diff(plain["now"].as_u64().unwrap()) < 60_000);

    set(&mut app.admin(), Some("daily 00:00-24:00"), "Europe/Berlin", "");
    assert_eq!(config(&app).await["hours"], json!({"open": true}), "it never closes");

    // Open in this half of the day, and closed in this half: one of both is true now.
    let mut open = Vec::new();
    for hours in ["daily 00:00-12:00", "daily 12:00-24:00"] {
        set(&mut app.admin(), Some(hours), "Asia/Tokyo", "Ask our robots meanwhile");
        let told = config(&app).await;
        assert_eq!(told["away"], "Ask our robots meanwhile");
        let (now, hours) = (told["now"].as_u64().unwrap(), &told["hours"]);
        let (opens, closes) = (hours["opens_at"].as_u64().unwrap(), hours["closes_at"].as_u64().unwrap());
        let (first, second) = (opens.min(closes), opens.max(closes));
        assert!(now < first && first <= now + 43_200_000 && second == first + 43_200_000, "{told}");
        assert_eq!(hours["open"], closes < opens, "{told}");
        open.push(hours["open"] == true);
    }
    assert_ne!(open[0], open[1]);

    set(&mut app.admin(), None, "UTC", "");
    assert_eq!(config(&app).await["hours"], Value::Null);
}

#[tokio::test]
async fn an_assistant_is_there_at_any_time() {
    let app = TestApp::start_with(&["--absent-ms", "0"]).await;
    set(&mut app.admin(), Some("Mon 00:00-00:01, Thu 00:00-00:01"), "UTC", "");
    assert_eq!(config(&app).await["absent"], true);
    let assisted = app.get("/api/widget/config?assistant_id=1").send().await.expect(200);
    assert_eq!((&assisted["hours"], &assisted["absent"]), (&Value::Null, &json!(false)), "{assisted}");
}

#[tokio::test]
async fn nobody_is_there_when_no_operator_has_been_for_a_while() {
    let app = TestApp::start_with(&["--absent-ms", "0"]).await;
    assert_eq!(config(&app).await["absent"], true);
    let inbox = format!("/ws/inbox?token={}", app.token("beta@desk.example"));
    let mut other = Socket::open(app.address, &inbox).await;
    assert_eq!(other.next_frame().await["type"], "inbox");
    assert_eq!(config(&app).await["absent"], true, "an operator of another site");
    let inbox = format!("/ws/inbox?token={}", app.token("alpha@desk.example"));
    let mut own = Socket::open(app.address, &inbox).await;
    assert_eq!(own.next_frame().await["type"], "inbox");
    assert_eq!(config(&app).await["absent"], false);
    drop(own);
    while config(&app).await["absent"] == false {
        tokio::task::yield_now().await;
    }

    let patient = TestApp::start_with(&["--absent-ms", "86400000"]).await;
    assert_eq!(config(&patient).await["absent"], false, "who knows who was there before it started");
}
