//! Sites whose requests meet everything that may happen to them.

use sh0_agent::model::{
    Account, Cidr, ForwardAuth, Handling, HeaderChange, HeaderName, HeaderText, Hostname, Port,
    Protection, RawHandlers,
};
use sh0_agent::routes::{Asked, Passed, Serving};

use super::{A, B, Site, site};

const BCRYPT: &str = "ada:$2a$04$/3DyloKJlePp7qJfPtiO7edscyI6ZO1Pecc6NZ3.HYPvwDj5ZzH.6";
const ARGON2: &str = "ada:$argon2id$v=19$m=1024,t=1,p=1$vEcE2hBQLy+rtLFGFbyBkg$\
                      XaHv8kqU/tpdkBZlBL6RGgJvrcfy7XSCuQS2TALqCIY";

/// One site for each of them, one with all of them, and one that is closed.
pub(super) fn handled() -> Vec<Site> {
    let asked = || Asked::Pool(Box::new(site("auth.example.com", B).route.pool));
    let server = Asked::Server {
        is_https: true,
        host: Hostname::parse("id.example.com").expect("a host"),
        port: Port::new(443).expect("not 0"),
    };
    let of = |protection: Protection| Handling {
        protection,
        ..Handling::default()
    };
    let basic = |account: &str| Protection {
        accounts: vec![Account::parse(account).expect("an account")],
        ..Protection::default()
    };
    let asking = || {
        of(Protection {
            forward: Some(forward()),
            ..Protection::default()
        })
    };
    let mut closed = site("closed.example.com", "");
    closed.route.serving = Serving::Closed;
    vec![
        served("all.example.com/api", all(), Some(asked()))
            .strip()
            .passive(),
        served("argon2.example.com", of(basic(ARGON2)), None),
        served("bcrypt.example.com", of(basic(BCRYPT)), None),
        served("asked.example.com", asking(), Some(asked())),
        served("server.example.com", asking(), Some(server)),
        served("unasked.example.com", asking(), None),
        closed,
    ]
}

/// A site that asks for a name and its password.
pub(super) fn guarded(mut site: Site) -> Site {
    let protection = Protection {
        accounts: vec![Account::parse(BCRYPT).expect("an account")],
        ..Protection::default()
    };
    site.route.serving = Serving::passed(Passed {
        handling: Handling {
            protection,
            ..Handling::default()
        },
        asked: None,
    });
    site
}

fn served(place: &str, handling: Handling, asked: Option<Asked>) -> Site {
    let mut site = site(place, &format!("{A} {B}"));
    site.route.serving = Serving::passed(Passed { handling, asked });
    site
}

fn forward() -> ForwardAuth {
    let name = |text: &str| HeaderName::parse(text).expect("a name");
    ForwardAuth {
        copy: vec![name("Remote-User"), name("authorization")],
        ..ForwardAuth::parse("auth/verify?from=caddy").expect("an app and a path")
    }
}

fn all() -> Handling {
    let range = |text: &str| Cidr::parse(text).expect("addresses");
    let name = |text: &str| HeaderName::parse(text).expect("a name");
    let text = |text: &str| HeaderText::parse(text).expect("one line").expect("some");
    let raw = r#"[{"handler": "vars", "a": "b"}]"#;
    Handling {
        protection: Protection {
            allow: vec![range("10.0.0.0/8"), range("2001:db8::/32")],
            deny: vec![range("10.1.0.0/16"), range("::1")],
            accounts: vec![Account::parse(BCRYPT).expect("an account")],
            forward: Some(forward()),
            body_bytes_max: Some(10_000_000),
            raw: RawHandlers::parse(raw).expect("handlers"),
        },
        request_headers: vec![
            HeaderChange::Set(name("x-host"), text("at {host} {env.HOME} }{ \\{uri}")),
            HeaderChange::Add(name("x-more"), text("{path}{request_id}")),
            HeaderChange::Delete(name("cookie")),
        ],
        response_headers: vec![
            HeaderChange::Set(name("x-frame-options"), text("DENY")),
            HeaderChange::Delete(name("server")),
        ],
        compress: true,
        error_pages: [(404, "/404.html".to_owned()), (503, "/down?a=b".to_owned())].into(),
    }
}
