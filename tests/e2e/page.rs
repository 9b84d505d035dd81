//! The status page in a browser: it follows what happens, text of labels is text, and everybody can
//! use it. `SH0_SCREENSHOTS=folder` keeps pictures of it for a look.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::harness::{Agent, App, Browser, Engine, Options, free_ports};

/// An agent with a page, which sees only its own test's containers.
struct Scene {
    engine: Engine,
    agent: Agent,
    page: String,
    prefix: String,
}

impl Scene {
    async fn start() -> Self {
        let (engine, prefix) = Engine::start().await.with_prefix();
        let [port, _] = free_ports();
        let address = format!("127.0.0.1:{port}");
        let options = Options::default().flags(["--status", &address, "--label-prefix", &prefix]);
        let agent = Agent::start_with(&engine, options).await;
        agent.logs("The status page is at").await;
        Self {
            engine,
            agent,
            page: format!("http://{address}/"),
            prefix,
        }
    }
}

/// An expression that says whether a row of the table of sites has all of these texts.
fn has_row(texts: &[&str]) -> String {
    format!(
        "[...document.querySelectorAll('#sites tbody tr')]\
         .some((row) => {}.every((text) => row.innerText.includes(text)))",
        json!(texts)
    )
}

fn says(text: &str) -> String {
    format!("document.body.innerText.includes({})", json!(text))
}

#[tokio::test]
async fn a_page_in_a_browser_follows_what_happens() {
    let mut scene = Scene::start().await;
    let mut browser = Browser::start().await;
    browser.open(&scene.page).await;
    browser
        .until_true(&says("No container asks for a route."))
        .await;
    // It is gone should the page ever be loaded anew.
    browser.eval("window.isSame = true").await;

    let host = scene.engine.host("web");
    let web = scene.engine.run(App::named("web").host(&host)).await;
    browser
        .until_true(&has_row(&[&host, "live", &web.name]))
        .await;
    browser
        .until_true(&says("1 site live, nothing wrong"))
        .await;
    browser
        .until_true(&format!("[...document.querySelectorAll('#lately li')].some((item) => item.innerText.includes({}) && item.innerText.includes('live'))", json!(host)))
        .await;

    let port = scene.engine.host("port");
    let wrong = App::named("wrong").host(&port).label("sh0.port", "80a");
    let wrong = scene.engine.run(wrong).await;
    browser.until_true(&says("1 thing wrong")).await;
    let fix = format!("write for example {}.port=8080", scene.prefix);
    browser.until_true(&says(&fix)).await;
    let first = browser
        .eval("document.querySelector('main section h2').innerText")
        .await;
    assert_eq!(first, "What is wrong");

    scene.engine.remove(&wrong).await;
    browser.until_true(&says("nothing wrong")).await;
    scene.engine.stop(&web).await;
    browser
        .until_true(&format!("!({})", has_row(&[&host, "live"])))
        .await;
    browser.until_true(&says("0 sites live")).await;
    assert_eq!(browser.eval("window.isSame").await, true);
    assert_eq!(browser.complaints(), [""; 0]);
    let foreign = browser.requested().into_iter();
    let foreign: Vec<String> = foreign
        .filter(|url| !url.starts_with(&scene.page) && !url.starts_with("data:"))
        .collect();
    assert_eq!(foreign, [""; 0]);

    assert!(scene.agent.stop().await.success());
    browser
        .until_true(&says("The agent does not answer."))
        .await;
    scene.agent.start_again().await;
    browser
        .until_true(&format!("!({})", says("The agent does not answer.")))
        .await;
    assert_eq!(browser.eval("window.isSame").await, true);
}

#[tokio::test]
async fn text_of_labels_is_text_in_a_browser() {
    let scene = Scene::start().await;
    let attack = "<img src=x onerror=\"window.isHurt=true\"><script>window.isHurt=true</script>";
    let hostile = App::named("hostile")
        .host(&scene.engine.host("hostile"))
        .label("sh0.port", attack)
        .label("sh0.app", attack)
        .label("sh0.<script>window.isHurt</script>", "\u{202e}'\"></pre>")
        .of_project(attack, attack);
    scene.engine.run(hostile).await;
    let mut browser = Browser::start().await;
    browser.open(&scene.page).await;
    browser.until_true(&says("<img src=x onerror")).await;
    let name = scene.engine.name_of("hostile");
    for page in [
        String::new(),
        format!("site/{name}"),
        format!("?q={name}%22%3E%3Cimg%20src%3Dx%3E"),
    ] {
        browser.open(&format!("{}{page}", scene.page)).await;
        let hurt = "window.isHurt === undefined && document.images.length === 0 \
                    && document.scripts.length === 1";
        assert_eq!(browser.eval(hurt).await, true, "{page}");
        let text = browser.text().await;
        assert!(!text.contains('\u{202e}'), "{text}");
    }
    assert_eq!(browser.complaints(), [""; 0]);
}

#[tokio::test]
async fn everybody_can_use_the_page() {
    let scene = Scene::start().await;
    let (shop, blog) = (scene.engine.host("shop"), scene.engine.host("blog"));
    for name in ["shop-1", "shop-2"] {
        let app = App::named(name).host(&shop).label("sh0.app", "shop");
        scene.engine.run(app).await;
    }
    let blog = App::named("blog").host(&blog).label("sh0.port", "80a");
    scene.engine.run(blog).await;
    let typo = App::named("docs").host(&scene.engine.host("docs"));
    scene.engine.run(typo.label("sh0.prot", "80")).await;
    scene.agent.answers(&shop, "shop-1").await;
    let mut browser = Browser::start().await;
    for (name, path) in [
        ("home", String::new()),
        ("site", format!("site/{shop}")),
        ("broken", format!("site/{}", scene.engine.name_of("blog"))),
        ("code", "code/E003".to_owned()),
    ] {
        for width in [390, 1280] {
            for scheme in ["light", "dark"] {
                browser.look(width, scheme).await;
                browser.open(&format!("{}{path}", scene.page)).await;
                keep(&mut browser, &format!("{name}-{width}-{scheme}")).await;
                let wrong = browser.eval(include_str!("page/checks.js")).await;
                assert_eq!(wrong, json!([]), "{name} {width} {scheme}");
                if name == "home" {
                    focus_is_seen(&mut browser).await;
                    is_a_table(&mut browser).await;
                }
            }
        }
    }
}

/// Goes through all controls by the keyboard, each of which must show that it has the focus.
async fn focus_is_seen(browser: &mut Browser) {
    let controls = "document.querySelectorAll('a, button, input').length";
    let controls = browser.eval(controls).await.as_u64().expect("a number");
    let focused = "(() => {
        const at = document.activeElement, style = getComputedStyle(at), box = at.getBoundingClientRect();
        const isSeen = at.matches(':focus-visible') && style.outlineStyle === 'solid'
            && parseFloat(style.outlineWidth) >= 2 && box.right > 0 && box.bottom > 0 && box.top < innerHeight;
        return (isSeen ? 'seen ' : 'unseen ') + at.outerHTML.slice(0, 80);
    })()";
    let mut seen = Vec::new();
    for _ in 0..controls {
        browser.tab().await;
        let at = browser.eval(focused).await;
        let at = at.as_str().expect("a text").to_owned();
        assert!(at.starts_with("seen "), "{at}");
        seen.push(at);
    }
    assert!(seen[0].contains("Skip to the content"), "{seen:?}");
    // As many as there are, so that none was passed over and none holds the focus.
    let last = seen.last().expect("there are some");
    assert!(last.contains("the same as JSON"), "{seen:?}");
}

/// A screen reader is told of a table, also where a narrow window shows its rows as blocks.
async fn is_a_table(browser: &mut Browser) {
    let tree = browser.call("Accessibility.getFullAXTree", json!({})).await;
    let nodes = tree["nodes"].as_array().expect("a list");
    let count = |role: &str| {
        let has =
            |node: &&serde_json::Value| node["ignored"] == false && node["role"]["value"] == role;
        nodes.iter().filter(has).count()
    };
    let found = [
        count("table"),
        count("columnheader"),
        count("rowheader"),
        count("cell"),
    ];
    assert_eq!(found, [1, 6, 3, 15]);
    for role in ["main", "banner", "contentinfo", "search", "status"] {
        assert_eq!(count(role), 1, "{role}");
    }
}

/// Keeps a picture for a person, where one asks for it.
async fn keep(browser: &mut Browser, name: &str) {
    let Some(folder) = std::env::var_os("SH0_SCREENSHOTS") else {
        return;
    };
    let picture = STANDARD.decode(browser.picture().await).expect("base64");
    let folder = std::path::Path::new(&folder);
    std::fs::create_dir_all(folder).expect("it can be made");
    std::fs::write(folder.join(format!("{name}.png")), picture).expect("it can be written");
}
