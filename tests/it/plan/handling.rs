//! What happens to requests: who may ask, header fields, bodies and pages.

use expect_test::expect;

use super::check;

#[test]
fn everything_that_happens_to_requests_is_read() {
    check(
        "
        == allow raw
        shop/web
          sh0.host=app.example.com
          sh0.allow=10.0.0.1/8, ::1
          sh0.deny=10.1.0.0/16
          sh0.auth.basic=ada:$2a$04$/3DyloKJlePp7qJfPtiO7edscyI6ZO1Pecc6NZ3.HYPvwDj5ZzH.6
          sh0.body_max=10MB
          sh0.caddy.handlers=[{\"handler\": \"vars\"}]
          sh0.headers.request.X-Host=at {host} {env.HOME}
          sh0.headers.request.Cookie=
          sh0.headers.response.+Vary=Origin
          sh0.compress=true
          sh0.error.404=/404.html
        ",
        expect![[r#"
            == allow raw
            app.example.com [public] shop/web:default -> http 10.0.0.1:80 allow=10.0.0.0/8+::1/128 deny=10.1.0.0/16 users=ada body=10000000 raw=1 request=-cookie,x-host:[Text("at "), Value(Host), Text(" {env.HOME}")] response=+vary:[Text("Origin")] compress=1 pages=404/404.html
            | app.example.com shop-web-1 routed
        "#]],
    );
}

#[test]
fn an_app_is_asked_by_its_name() {
    check(
        "
        shop/web
          sh0.host=app.example.com
          sh0.auth.forward=auth/verify?x=1
          sh0.auth.forward.copy=Remote-User, Remote-Groups
        shop/auth ports=9091
          sh0.host=auth.example.com
        blog/web
          sh0.host=blog.example.com
          sh0.auth.forward=auth@shop:9091/verify
        other/web
          sh0.host=other.example.com
          sh0.auth.forward=auth/verify
        third/web
          sh0.host=third.example.com
          sh0.auth.forward=auth@shop:80/verify
        ",
        expect![[r#"
            app.example.com [public] shop/web:default -> http 10.0.0.1:80 asks=10.0.0.2:9091/verify?x=1 copy=remote-user+remote-groups
            auth.example.com [public] shop/auth:default -> http 10.0.0.2:9091
            blog.example.com [public] blog/web:default -> http 10.0.0.3:80 asks=10.0.0.2:9091/verify copy=
            other.example.com [public] other/web:default -> http 503 closed
            third.example.com [public] third/web:default -> http 503 closed
            | app.example.com shop-web-1 routed
            | auth.example.com shop-auth-1 routed
            | blog.example.com blog-web-1 routed
            | other.example.com other-web-1 refused: the route `default` answers 503 at `other.example.com`: the app `other/auth` cannot be asked: it has no route
            | third.example.com third-web-1 refused: the route `default` answers 503 at `third.example.com`: the app `shop/auth` cannot be asked: none of its routes leads to its port 80
            ! E011 other-web-1 (c4): the route `default` answers 503 at `other.example.com`: the app `other/auth` cannot be asked: it has no route; give the app a host, or name another by `auth`, `auth:<port>` or `auth@<project>`
            ! E011 third-web-1 (c5): the route `default` answers 503 at `third.example.com`: the app `shop/auth` cannot be asked: none of its routes leads to its port 80; give the app a host, or name another by `auth`, `auth:<port>` or `auth@<project>`
        "#]],
    );
}

#[test]
fn an_app_that_leads_to_several_ports_is_asked_at_the_one_that_is_named() {
    check(
        "
        shop/web
          sh0.host=app.example.com
          sh0.auth.forward=auth/verify
          sh0.routes.b.host=b.example.com
          sh0.routes.b.auth.forward=auth:82/verify
        shop/auth
          sh0.host=auth.example.com
          sh0.port=81
          sh0.routes.b.host=auth-b.example.com
          sh0.routes.b.port=82
        ",
        expect![[r#"
            app.example.com [public] shop/web:default -> http 503 closed
            auth-b.example.com [public] shop/auth:b -> http 10.0.0.2:82
            auth.example.com [public] shop/auth:default -> http 10.0.0.2:81
            b.example.com [public] shop/web:b -> http 10.0.0.1:80 asks=10.0.0.2:82/verify copy=
            | app.example.com shop-web-1 refused: the route `default` answers 503 at `app.example.com`: the app `shop/auth` cannot be asked: its routes lead to several ports, and none is named
            | auth-b.example.com shop-auth-1 routed
            | auth.example.com shop-auth-1 routed
            | b.example.com shop-web-1 routed
            ! E011 shop-web-1 (c1): the route `default` answers 503 at `app.example.com`: the app `shop/auth` cannot be asked: its routes lead to several ports, and none is named; give the app a host, or name another by `auth`, `auth:<port>` or `auth@<project>`
        "#]],
    );
}

#[test]
fn what_needs_a_setting_is_closed_without_it() {
    let containers = "
        shop/web
          sh0.host=app.example.com
          sh0.caddy.handlers=[{\"handler\": \"vars\"}]
          sh0.routes.b.host=b.example.com
          sh0.routes.b.auth.forward=https://id.example.com/verify
        ";
    check(
        containers,
        expect![[r#"
        app.example.com [public] shop/web:default -> http 503 closed
        b.example.com [public] shop/web:b -> http 503 closed
        | app.example.com shop-web-1 refused: it answers 503: `caddy.handlers` can do whatever Caddy can, and the agent does not allow it
        | b.example.com shop-web-1 refused: it answers 503: `auth.forward` names a URL, which may lead anywhere, and the agent does not allow it
        ! E011 shop-web-1 (c1): the route `b` answers 503: `auth.forward` names a URL, which may lead anywhere, and the agent does not allow it; correct its labels; it is never served with less protection than they ask for
        ! E011 shop-web-1 (c1): the route `default` answers 503: `caddy.handlers` can do whatever Caddy can, and the agent does not allow it; correct its labels; it is never served with less protection than they ask for
        ! E012 shop-web-1 (c1): `auth.forward` names a URL, which may lead anywhere, and the agent does not allow it; name an app that the agent routes to, or start it with `--allow-auth-urls`
        ! E012 shop-web-1 (c1): `caddy.handlers` can do whatever Caddy can, and the agent does not allow it; use other labels, or start the agent with `--allow-raw-caddy`
    "#]],
    );
    check(
        &format!("{containers}\n== allow urls\n== allow raw\n== forbid raw"),
        expect![[r#"
            app.example.com [public] shop/web:default -> http 503 closed
            b.example.com [public] shop/web:b -> http 503 closed
            | app.example.com shop-web-1 refused: it answers 503: `caddy.handlers` can do whatever Caddy can, and the agent does not allow it
            | b.example.com shop-web-1 refused: it answers 503: `auth.forward` names a URL, which may lead anywhere, and the agent does not allow it
            ! E011 shop-web-1 (c1): the route `b` answers 503: `auth.forward` names a URL, which may lead anywhere, and the agent does not allow it; correct its labels; it is never served with less protection than they ask for
            ! E011 shop-web-1 (c1): the route `default` answers 503: `caddy.handlers` can do whatever Caddy can, and the agent does not allow it; correct its labels; it is never served with less protection than they ask for
            ! E012 shop-web-1 (c1): `auth.forward` names a URL, which may lead anywhere, and the agent does not allow it; name an app that the agent routes to, or start it with `--allow-auth-urls`
            ! E012 shop-web-1 (c1): `caddy.handlers` can do whatever Caddy can, and the agent does not allow it; use other labels, or start the agent with `--allow-raw-caddy`
            == allow urls
            app.example.com [public] shop/web:default -> http 503 closed
            b.example.com [public] shop/web:b -> http 10.0.0.1:80 asks=id.example.com:443 tls=true/verify copy=
            | app.example.com shop-web-1 refused: it answers 503: `caddy.handlers` can do whatever Caddy can, and the agent does not allow it
            | b.example.com shop-web-1 routed
            ! E011 shop-web-1 (c1): the route `default` answers 503: `caddy.handlers` can do whatever Caddy can, and the agent does not allow it; correct its labels; it is never served with less protection than they ask for
            ! E012 shop-web-1 (c1): `caddy.handlers` can do whatever Caddy can, and the agent does not allow it; use other labels, or start the agent with `--allow-raw-caddy`
            == allow raw
            app.example.com [public] shop/web:default -> http 10.0.0.1:80 raw=1
            b.example.com [public] shop/web:b -> http 10.0.0.1:80 asks=id.example.com:443 tls=true/verify copy=
            | app.example.com shop-web-1 routed
            | b.example.com shop-web-1 routed
            == forbid raw
            app.example.com [public] shop/web:default -> http 503 closed
            b.example.com [public] shop/web:b -> http 10.0.0.1:80 asks=id.example.com:443 tls=true/verify copy=
            | app.example.com shop-web-1 refused: it answers 503: `caddy.handlers` can do whatever Caddy can, and the agent does not allow it
            | b.example.com shop-web-1 routed
            ! E011 shop-web-1 (c1): the route `default` answers 503: `caddy.handlers` can do whatever Caddy can, and the agent does not allow it; correct its labels; it is never served with less protection than they ask for
            ! E012 shop-web-1 (c1): `caddy.handlers` can do whatever Caddy can, and the agent does not allow it; use other labels, or start the agent with `--allow-raw-caddy`
        "#]],
    );
}

#[test]
fn labels_that_do_not_go_together_are_said() {
    check(
        "
        shop/web
          sh0.host=app.example.com
          sh0.allow=10.1.0.0/16
          sh0.deny=10.0.0.0/8
          sh0.headers.request.X-A=1
          sh0.routes.b.host=b.example.com
          sh0.routes.b.headers.request.X-A=1
          sh0.routes.b.headers.request.+x-a=2
          sh0.routes.c.host=c.example.com
          sh0.routes.c.headers.response.Connection=close
          sh0.routes.c.headers.request.+Host=a
          sh0.routes.c.error.200=/x
          sh0.routes.c.error.404={env.HOME}
        ",
        expect![[r#"
            app.example.com [public] shop/web:default -> http 10.0.0.1:80 allow=10.1.0.0/16 deny=10.0.0.0/8 request=x-a:[Text("1")]
            | app.example.com shop-web-1 routed
            ! E001 shop-web-1 (c1): two labels change the header field `x-a` [sh0.routes.b.headers.request.X-A="(hidden)"]; keep one of them; upper and lower case are the same name
            ! E001 shop-web-1 (c1): `sh0.routes.c.error.200` names no status from 400 to 599 [sh0.routes.c.error.200="/x"]; write for example `error.404=/404.html`
            ! E001 shop-web-1 (c1): `sh0.routes.c.error.404` takes a path such as `/404.html`, found `{env.HOME}` [sh0.routes.c.error.404="{env.HOME}"]; write for example `sh0.routes.c.error.404=/404.html`
            ! E001 shop-web-1 (c1): `sh0.routes.c.headers.request.+Host` takes one value [sh0.routes.c.headers.request.+Host="(hidden)"]; a request has exactly one `Host`, and nothing cannot be added
            ! E001 shop-web-1 (c1): `sh0.routes.c.headers.response.Connection` names a header field of the request or the answer, found `connection`, which belongs to the connection [sh0.routes.c.headers.response.Connection="(hidden)"]; write for example `headers.response.X-Frame-Options=DENY`
            ! W002 shop-web-1 (c1): `sh0.allow` lets nobody in: `sh0.deny` covers all of it, and it counts first [sh0.allow="10.1.0.0/16"]; take the addresses out of `sh0.deny`, or remove `sh0.allow`
        "#]],
    );
}

/// Its path is the asker's choice and its answer goes to the asker's clients, so another project's
/// app answers what it answers everybody, and nothing that something protects.
#[test]
fn an_app_of_another_project_is_asked_only_what_everybody_may_ask_it() {
    let asks = |what: &str, app: &str| {
        let story = format!(
            "
            {app}
            sso/api ports=9091
              sh0.host=api.example.com
            blog/web
              sh0.host=blog.example.com
              sh0.auth.forward={what}"
        );
        let story = story
            .replace("sso/api", "sso/api id=x")
            .replace("blog/web", "blog/web id=b");
        let shown = crate::fixture::play(&story);
        let own = shown
            .lines()
            .find(|line| line.starts_with("blog.example.com"));
        own.map(|line| line.contains(" asks="))
            .expect("it is served or closed")
    };
    let open = "sso/auth\n sh0.host=auth.example.com";
    let with = |more: &str| format!("{open}\n {more}");
    let two = |more: &str| with(&format!("sh0.routes.x.path=/admin\n sh0.routes.x.{more}"));
    for (app, path, is_asked) in [
        (open.to_owned(), "verify", true),
        (open.to_owned(), "verify?a=../b", true),
        (open.to_owned(), "a/../admin", false),
        (open.to_owned(), "%61dmin", false),
        (with("sh0.path=/verify"), "verify", true),
        (with("sh0.path=/verify"), "VERIFY/x", true),
        (with("sh0.path=/verify"), "verifyx", false),
        (with("sh0.path.exact=/verify"), "verify/x", false),
        (with("sh0.path.regexp=^/verify"), "verify", false),
        (with("sh0.path=/verify\n sh0.strip=true"), "verify", false),
        (with("sh0.path=/verify\n sh0.rewrite=/x"), "verify", false),
        (with("sh0.match.method=POST"), "verify", false),
        (with("sh0.body_max=1MB"), "verify", true),
        (with("sh0.allow=10.0.0.0/8"), "verify", false),
        (with("sh0.deny=10.0.0.0/8"), "verify", false),
        (with("sh0.auth.forward=api/x"), "verify", false),
        (with("sh0.tls.client_ca=a.pem"), "verify", false),
        (two("deny=10.0.0.0/8"), "verify", true),
        (two("deny=10.0.0.0/8"), "admin", false),
        (two("deny=10.0.0.0/8"), "Admin/x", false),
        (two("match.method=POST"), "admin", true),
        (two("priority=-1"), "admin", true),
        (
            with("sh0.host=auth.example.com, *.sso.internal"),
            "verify",
            true,
        ),
    ] {
        let what = format!("auth@sso/{path}");
        assert_eq!(asks(&what, &app), is_asked, "{path}: {app}");
    }
    // Its own project knows what it does.
    let own = "blog/auth\n sh0.host=auth.example.com\n sh0.deny=10.0.0.0/8";
    assert!(asks("auth/verify", own));
    for nobody in [
        "169.254.169.254/latest",
        "127.0.0.1:9091/x",
        "localhost:2019/config",
        "caddy/x",
    ] {
        assert!(!asks(nobody, open), "{nobody}");
    }
}

#[test]
fn an_app_of_another_project_that_is_not_open_is_said() {
    check(
        "
        sso/auth
          sh0.host=auth.example.com
          sh0.deny=10.0.0.0/8
        blog/web
          sh0.host=blog.example.com
          sh0.auth.forward=auth@sso/verify
        ",
        expect![[r#"
            auth.example.com [public] sso/auth:default -> http 10.0.0.1:80 deny=10.0.0.0/8
            blog.example.com [public] blog/web:default -> http 503 closed
            | auth.example.com sso-auth-1 routed
            | blog.example.com blog-web-1 refused: the route `default` answers 503 at `blog.example.com`: the app `sso/auth` cannot be asked: it belongs to another project, and there is no host at which everybody may ask it for `/verify`
            ! E011 blog-web-1 (c2): the route `default` answers 503 at `blog.example.com`: the app `sso/auth` cannot be asked: it belongs to another project, and there is no host at which everybody may ask it for `/verify`; let a route of that app answer the path to everybody, as it is; or run an app for it in this project
        "#]],
    );
}
