//! The status page as HTML: what is wrong first, sites one page at a time, and nothing that came from
//! a label as anything but text.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use expect_test::{expect, expect_file};
use sh0_agent::metrics::{LoadReason, LoadResult};
use sh0_agent::model::{Halt, HaltKind, HaltMessage, Labels, Obtaining, Snapshot};
use sh0_agent::routes::RouteTable;
use sh0_agent::slots::WaitingRoom;
use sh0_agent::status::explain::explain;
use sh0_agent::status::{
    BlockedRequest, Halted, Happening, HappeningKind, History, Load, Pickup, RememberedStatus,
    Search, Status, home, site,
};
use tokio::time::Instant;

use crate::chain::status;
use crate::fixture::Agent;
use crate::hostile_rows::of;
use crate::lately::in_force;

/// A line for each tag, without the style and the script, which are files of their own.
fn lines(html: &str) -> String {
    let mut shown = html.to_owned();
    for tag in ["style", "script"] {
        let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
        let (before, rest) = shown.split_once(&open).expect("there is one");
        let (_, after) = rest.split_once(&close).expect("it is closed");
        shown = format!("{before}{open}…{close}{after}");
    }
    shown.replace("><", ">\n<") + "\n"
}

#[track_caller]
fn check(name: &str, html: &str) {
    let file = format!("tests/golden/page/{name}.html");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    expect_file![path].assert_eq(&lines(html));
}

fn search(q: &str, page: &str) -> Search {
    Search {
        q: q.to_owned(),
        page: page.to_owned(),
    }
}

fn all(status: &Status) -> String {
    home(status, &Search::default())
}

const SHOP: &str = "\
shop/web n=1
  sh0.host=shop.example.com
shop/web n=2
  sh0.host=shop.example.com
shop/api health=starting
  sh0.host=shop.example.com
  sh0.path=/api
blog/web ports=none
  sh0.host=blog.example.com
other nets=bridge
  sh0.host=other.example.com
  sh0.prot=80
";

/// 2025-11-26 12:06:09 UTC.
const NOW: u64 = 1_764_158_769;

fn with_history(mut status: Status) -> Status {
    let mut history = History::default();
    let happening = |at, kind, subject: &str, text: &str| Happening {
        at,
        kind,
        subject: subject.to_owned(),
        text: text.to_owned(),
    };
    history.add(happening(NOW, HappeningKind::Recovered, "Caddy", "is up"));
    history.add(happening(
        NOW + 1,
        HappeningKind::Live,
        "shop.example.com",
        "served by shop-web-1",
    ));
    for (millis, error) in [(12, None), (40, Some("no answer".to_owned())), (20, None)] {
        let result = error.as_ref().map(|_| LoadResult::Failed);
        history.add_load(Arc::new(Load {
            at: NOW,
            millis,
            reason: LoadReason::Change,
            result: result.unwrap_or(LoadResult::Applied),
            error,
        }));
    }
    status.history = Arc::new(history);
    let served = status.rows.iter().find(|row| row.address.is_some());
    let pool = served.and_then(|row| row.pool).expect("one is served");
    let pickup = Pickup {
        at: NOW,
        millis: 42,
    };
    status.pickups.insert(pool, pickup);
    let room = WaitingRoom::new(4);
    std::mem::forget((room.enter(), room.enter()));
    status.waiting.insert(pool, room);
    let obtaining = Obtaining {
        since: NOW,
        error: Some("no such name".to_owned()),
    };
    let host = "shop.example.com".to_owned();
    status.obtainings = Arc::new([(host, obtaining)].into());
    status
}

#[test]
fn what_is_wrong_stands_before_the_sites_and_what_happened_lately() {
    check("home", &all(&with_history(status(SHOP))));
}

#[test]
fn where_nothing_is_wrong_it_says_so() {
    let html = all(&status("web\n  sh0.host=a.example\n"));
    assert!(html.contains("1 site live, nothing wrong"), "{html}");
    assert!(html.contains("Nothing has happened"), "{html}");
    let html = all(&status(""));
    assert!(html.contains("No container asks for a route."), "{html}");
}

#[test]
fn an_app_that_a_person_halted_is_said_first_and_at_its_sites() {
    let mut status = status(SHOP);
    let app = { status.rows.iter() }.find_map(|row| {
        let app = row.app.clone();
        app.filter(|app| app.to_string() == "shop/web")
    });
    let halt = Halt {
        kind: HaltKind::Stopped {
            message: HaltMessage::parse("<b>Back</b> at five.").ok(),
        },
        since: NOW,
        by: "root".to_owned(),
    };
    let app = app.expect("it has rows");
    status.halts = Arc::new(vec![Halted { app, halt }]);
    check("halted", &all(&status));
}

#[test]
fn what_is_wrong_with_the_machine_stands_first_with_what_to_type() {
    let mut status = status("web ports=none\n  sh0.host=a.example\n");
    status.docker.error = Some("no answer at `/var/run/docker.sock`".to_owned());
    status.docker.network_missing = true;
    status.docker.remembered = Some(RememberedStatus {
        since: NOW,
        at: NOW,
        is_outdated: true,
    });
    status.docker.blocked = vec![BlockedRequest {
        request: "GET /events".to_owned(),
        status: 403,
        without_it: "changes are seen only every minute".to_owned(),
        help: "let it through".to_owned(),
    }];
    "port taken".clone_into(&mut status.caddy.phase);
    status.caddy.load_error = Some("loading: 400".to_owned());
    let html = all(&status);
    let titles: Vec<&str> = { html.split("<h3>").skip(1) }
        .filter_map(|rest| rest.split("</span> ").nth(1)?.split("</h3>").next())
        .map(|title| title.rsplit("</a>").next().unwrap_or_default())
        .collect();
    expect![[r"
        Docker does not answer
        What is shown is remembered
        The routing network does not exist
        A proxy before Docker blocks a request
        Caddy does not serve
        The newest config is not in force
        : the port is not known"]]
    .assert_eq(&titles.join("\n"));
    assert!(html.contains("<pre class=\"fix\">docker network create sh0-net</pre>"));
}

#[test]
fn a_site_has_the_chain_that_explain_says() {
    let status = status(SHOP);
    let contents = |_| vec!["10.0.0.1:80".to_owned(), "10.0.0.2:80".to_owned()];
    let page = |asked| site(&status, asked, &explain(&status, asked, &contents));
    check("site", &page("shop.example.com"));
    check("broken", &page("blog-web-1"));
    check("unknown", &page("shpo.example.com"));
}

/// Texts that would be something else than text where they were not escaped.
const HOSTILE: [&str; 6] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "javascript:alert(1)",
    "</title></style></script><script>alert(1)</script>",
    "\u{202e}gnp.exe\u{2066}\0\u{7}\n</pre>",
];

#[test]
fn whatever_labels_and_names_say_is_text() {
    for hostile in HOSTILE {
        let pairs = [
            ("com.docker.compose.project", hostile),
            ("com.docker.compose.service", hostile),
            ("sh0.host", hostile),
            ("sh0.app", hostile),
            ("sh0.port", hostile),
            (&*format!("sh0.{hostile}"), hostile),
        ];
        let owned = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
        let labels: Labels = pairs.into_iter().map(owned).collect();
        let container = of(0, hostile.to_owned(), labels);
        let host = ("sh0.host".to_owned(), "a.example".to_owned());
        let routed = of(1, hostile.to_owned(), Labels::from([host]));
        let built = Agent::default().build(&Snapshot::new([container, routed]));
        let mut status = Status {
            rows: built.rows,
            diagnostics: built.diagnostics,
            table: built.table,
            ..status("")
        };
        status.docker.error = Some(hostile.to_owned());
        status.caddy.load_error = Some(hostile.to_owned());
        status.tell(&Status::default(), NOW);
        in_force(&mut status, &RouteTable::default(), NOW);
        let explained = explain(&status, hostile, &|_| vec![hostile.to_owned()]);
        for html in [
            all(&status),
            home(&status, &search(hostile, hostile)),
            site(&status, hostile, &explained),
        ] {
            is_inert(&html);
        }
    }
}

/// Holds that no tag, attribute or character is there that our templates do not write.
#[track_caller]
fn is_inert(html: &str) {
    assert_eq!(html.matches("<script").count(), 1, "{html}");
    assert_eq!(html.matches("</script").count(), 1, "{html}");
    assert_eq!(html.matches("</style").count(), 1, "{html}");
    assert_eq!(
        html.matches("</title").count(),
        1 + html.matches("<rect").count(),
        "{html}"
    );
    for forbidden in [
        "<img",
        "href=\"javascript",
        "\u{202e}",
        "\u{2066}",
        "\0",
        "\u{7}",
    ] {
        assert!(!html.contains(forbidden), "{forbidden:?} in {html}");
    }
    let (_, body) = html.split_once("</style>").expect("there is one");
    let (body, _) = body.split_once("<script>").expect("there is one");
    for tag in body.split('<').skip(1) {
        let tag = tag.split('>').next().unwrap_or_default();
        let attributes = tag.split('"').step_by(2);
        for outside in attributes {
            let is_ours = !outside.contains('\'') && !outside.contains(" on");
            assert!(is_ours, "<{tag}> in {body}");
        }
    }
}

#[test]
fn with_ten_thousand_containers_a_page_is_small_and_everything_can_be_found() {
    let containers: String = (0..10_000)
        .map(|n| {
            format!(
                "app{n} ip=10.1.{}.{}\n  sh0.host=app{n}.example.com\n",
                n / 250,
                n % 250
            )
        })
        .chain((0..300).map(|n| {
            format!(
                "bad{n} ip=10.2.{}.{} ports=none\n  sh0.host=bad{n}.example.com\n",
                n / 250,
                n % 250
            )
        }))
        .collect();
    let status = status(&containers);
    let began = Instant::now();
    let html = all(&status);
    let took = began.elapsed();
    assert!(html.len() < 150_000, "{}", html.len());
    let title = html.split("<title>").nth(1).unwrap_or_default();
    let title = title.split("</title>").next();
    assert_eq!(
        title,
        Some("10000 sites live, 300 refused, 300 things wrong · sh0-agent")
    );
    assert!(html.contains("275 more findings"), "{html}");
    assert!(html.contains("Page 1 of 206, 10300 sites"), "{html}");
    assert!(html.contains("href=\"/?q=&amp;page=2#sites\""), "{html}");
    // Far more than it takes: tests are not optimised, and the machine has others to run.
    assert!(took < Duration::from_secs(2), "{took:?}");

    let html = home(&status, &search("APP9999.", ""));
    assert_eq!(lines(&html).matches("data-key").count(), 1, "{html}");
    assert!(html.contains("300 more findings without the text"));
    let html = home(&status, &search("bad299", "7"));
    assert_eq!(lines(&html).matches("data-key").count(), 2, "{html}");
    let html = home(&status, &search("", "206"));
    assert!(html.contains("Page 206 of 206") && !html.contains("Next page"));
    for beyond in ["207", "0", "-1", "x", "99999999999999999999"] {
        let html = home(&status, &search("", beyond));
        assert!(html.contains("of 206"), "{beyond}");
    }
    let html = home(&status, &search("nothing has this", ""));
    assert!(html.contains("No site has this text."));
}
