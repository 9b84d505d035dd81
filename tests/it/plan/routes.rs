//! Hosts, paths, named routes and their order.

use expect_test::expect;

use super::check;

#[test]
fn one_label_is_enough() {
    check(
        "
        shop/web
          sh0.host=app.example.com
        ",
        expect![[r#"
            app.example.com [public] shop/web:default -> http 10.0.0.1:80
            | app.example.com shop-web-1 routed
        "#]],
    );
    check(
        "
        web
          sh0.host=app.example.com
        ",
        expect![[r#"
            app.example.com [public] web:default -> http 10.0.0.1:80
            | app.example.com web routed
        "#]],
    );
}

#[test]
fn hosts_lose_case_trailing_dot_and_unicode() {
    check(
        "
        shop/web
          sh0.host=APP.Example.COM., bücher.example, app.example.com, BÜCHER.example
        ",
        expect![[r#"
            app.example.com [public] shop/web:default -> http 10.0.0.1:80
            xn--bcher-kva.example [public] shop/web:default -> http 10.0.0.1:80
            | app.example.com shop-web-1 routed
            | xn--bcher-kva.example shop-web-1 routed
        "#]],
    );
}

#[test]
fn exact_hosts_come_before_wildcards_and_longer_paths_first() {
    check(
        "
        == certificate *.a.example
        == allow *
        shop/web
          sh0.host=*, *.a.example, x.a.example
          sh0.path=/, /api
          sh0.routes.p.host=x.a.example, *.a.example
          sh0.routes.p.path=/api, /api/v1, /zoo
        ",
        expect![[r#"
            == certificate *.a.example
            == allow *
            x.a.example/api/v1 [public] shop/web:p -> http 10.0.0.1:80
            x.a.example/api [public] shop/web:p -> http 10.0.0.1:80
            x.a.example/zoo [public] shop/web:p -> http 10.0.0.1:80
            x.a.example [public] shop/web:default -> http 10.0.0.1:80
            *.a.example/api/v1 [public] shop/web:p -> http 10.0.0.1:80
            *.a.example/api [public] shop/web:p -> http 10.0.0.1:80
            *.a.example/zoo [public] shop/web:p -> http 10.0.0.1:80
            *.a.example [public] shop/web:default -> http 10.0.0.1:80
            * [public] shop/web:default -> http 10.0.0.1:80
            | * shop-web-1 routed
            | *.a.example shop-web-1 routed
            | *.a.example/api shop-web-1 routed
            | *.a.example/api/v1 shop-web-1 routed
            | *.a.example/zoo shop-web-1 routed
            | x.a.example shop-web-1 routed
            | x.a.example/api shop-web-1 routed
            | x.a.example/api/v1 shop-web-1 routed
            | x.a.example/zoo shop-web-1 routed
        "#]],
    );
}

#[test]
fn a_named_route_takes_the_host_of_the_default_route_and_nothing_else() {
    check(
        "
        shop/web ports=80,9000
          sh0.host=a.example
          sh0.tls=internal
          sh0.lb.policy=first
          sh0.routes.api.path=/api
          sh0.routes.api.strip=true
          sh0.routes.api.port=9000
          sh0.routes.own.host=b.example
        ",
        expect![[r#"
            a.example/api [internal] strip shop/web:api -> http 10.0.0.1:9000
            a.example [internal] shop/web:default -> http 10.0.0.1:80 First
            b.example [public] shop/web:own -> http 10.0.0.1:80
            | a.example shop-web-1 routed
            | a.example/api shop-web-1 routed
            | b.example shop-web-1 routed
        "#]],
    );
}

#[test]
fn a_named_route_alone_needs_no_default_route() {
    check(
        "
        shop/web
          sh0.routes.api.host=a.example
        ",
        expect![[r#"
            a.example [public] shop/web:api -> http 10.0.0.1:80
            | a.example shop-web-1 routed
        "#]],
    );
}

#[test]
fn a_route_without_any_host_is_said() {
    check(
        "
        shop/web
          sh0.port=80
        ",
        expect![[r#"
            | - shop-web-1 refused: labels describe a route, but no label says its host
            ! E006 shop-web-1 (c1): labels describe a route, but no label says its host [sh0.port="80"]; add for example `sh0.host=app.example.com`
        "#]],
    );
    check(
        "
        shop/web
          sh0.routes.api.path=/api
        ",
        expect![[r#"
            | - shop-web-1 refused: the route `api` has no host, and there is no `sh0.host`
            ! E006 shop-web-1 (c1): the route `api` has no host, and there is no `sh0.host` [sh0.routes.api.path="/api"]; add for example `sh0.routes.api.host=app.example.com`
        "#]],
    );
    check(
        "
        shop/web
          sh0.enable=true
        ",
        expect![[r#"
            | - shop-web-1 refused: labels describe a route, but no label says its host
            ! E006 shop-web-1 (c1): labels describe a route, but no label says its host; add for example `sh0.host=app.example.com`
        "#]],
    );
}

#[test]
fn strip_removes_the_path_and_says_so_where_there_is_none() {
    check(
        "
        shop/web
          sh0.host=a.example
          sh0.path=/api,/v1
          sh0.strip=true
        ",
        expect![[r#"
            a.example/api [public] strip shop/web:default -> http 10.0.0.1:80
            a.example/v1 [public] strip shop/web:default -> http 10.0.0.1:80
            | a.example/api shop-web-1 routed
            | a.example/v1 shop-web-1 routed
        "#]],
    );
    check(
        "
        shop/web
          sh0.host=a.example
          sh0.strip=true
        ",
        expect![[r#"
            a.example [public] shop/web:default -> http 10.0.0.1:80
            | a.example shop-web-1 routed
            ! W002 shop-web-1 (c1): `sh0.strip` has no effect without `path` [sh0.strip="true"]; add the other label, or remove this one
        "#]],
    );
}

#[test]
fn a_path_loses_case_and_trailing_slash() {
    check(
        "
        shop/web
          sh0.host=a.example
          sh0.path=/API/, /api, /Straße
        ",
        expect![[r#"
            a.example/straße [public] shop/web:default -> http 10.0.0.1:80
            a.example/api [public] shop/web:default -> http 10.0.0.1:80
            | a.example/api shop-web-1 routed
            | a.example/straße shop-web-1 routed
        "#]],
    );
}

#[test]
fn a_catch_all_needs_the_agents_leave() {
    check(
        "
        shop/web
          sh0.host=*
        ",
        expect![[r#"
            | - shop-web-1 refused: the host `*` would take every request that no other route takes
            ! E008 shop-web-1 (c1): the host `*` would take every request that no other route takes [sh0.host="*"]; name the hosts, or start the agent with `--allow-catch-all`
        "#]],
    );
    check(
        "
        == allow *
        shop/web
          sh0.host=*
        ",
        expect![[r#"
            == allow *
            * [public] shop/web:default -> http 10.0.0.1:80
            | * shop-web-1 routed
        "#]],
    );
}

#[test]
fn one_offs_and_disabled_containers_take_no_part_and_claim_nothing() {
    check(
        "
        shop/run oneoff
          sh0.host=a.example
        shop/off
          sh0.host=a.example
          sh0.enable=false
          sh0.port=wrong
        blog/web
          sh0.host=a.example
        ",
        expect![[r#"
            a.example [public] blog/web:default -> http 10.0.0.3:80
            | - shop-off-1 off: its labels say `sh0.enable=false`
            | - shop-run-1 off: it is a one-off container (`run`)
            | a.example blog-web-1 routed
        "#]],
    );
}

#[test]
fn containers_without_our_labels_are_not_mentioned() {
    check(
        "
        shop/web
        shop/marked
          sh0.test=run-1
        ",
        expect![[""]],
    );
}

#[test]
fn two_routes_of_one_project_at_one_place_are_decided_by_name() {
    check(
        "
        shop/b created=1
          sh0.host=a.example
        shop/a created=2
          sh0.host=a.example
        ",
        expect![[r#"
            a.example [public] shop/a:default -> http 10.0.0.2:80
            | a.example shop-a-1 routed
            | a.example shop-b-1 refused: `a.example` is served by the route `shop/a:default` already
            ! E005 shop-b-1 (c1): `a.example` is served by the route `shop/a:default` already; give one of the two another host or path
        "#]],
    );
    check(
        "
        shop/web
          sh0.host=a.example
          sh0.routes.twin.port=80
        ",
        expect![[r#"
            a.example [public] shop/web:default -> http 10.0.0.1:80
            | a.example shop-web-1 routed
            | a.example shop-web-1 refused: `a.example` is served by the route `shop/web:default` already
            ! E005 shop-web-1 (c1): `a.example` is served by the route `shop/web:default` already; give one of the two another host or path
        "#]],
    );
}

#[test]
fn policies_and_upstream_tls() {
    check(
        "
        shop/a
          sh0.host=a.example
          sh0.lb.policy=header
          sh0.lb.header=X-Tenant
        shop/b
          sh0.host=b.example
          sh0.lb.policy=Cookie
        shop/c ports=443
          sh0.host=*.c.example, c.example
          sh0.tls=internal
          sh0.scheme=https
        shop/d ports=443
          sh0.host=d.example
          sh0.scheme=https
          sh0.upstream.tls.server_name=backend.example
        shop/e ports=443
          sh0.host=e.example
          sh0.scheme=https
          sh0.upstream.tls.skip_verify=true
        shop/f ports=443
          sh0.routes.scheme.host=*.f.example
          sh0.routes.scheme.tls=off
          sh0.routes.scheme.scheme=https
        ",
        expect![[r#"
            a.example [public] shop/a:default -> http 10.0.0.1:80 Header(Token("X-Tenant"))
            b.example [public] shop/b:default -> http 10.0.0.2:80 Cookie(Token("sh0_lb"))
            c.example [internal] shop/c:default -> https 10.0.0.3:443 verify=c.example
            d.example [public] shop/d:default -> https 10.0.0.4:443 verify=backend.example
            e.example [public] shop/e:default -> https 10.0.0.5:443 skip-verify
            *.c.example [internal] shop/c:default -> https 10.0.0.3:443 verify=c.example
            | - shop-f-1 refused: `sh0.routes.scheme.scheme=https` checks the container's certificate against the route's first exact host, and it has none
            | *.c.example shop-c-1 routed
            | a.example shop-a-1 routed
            | b.example shop-b-1 routed
            | c.example shop-c-1 routed
            | d.example shop-d-1 routed
            | e.example shop-e-1 routed
            ! E001 shop-f-1 (c6): `sh0.routes.scheme.scheme=https` checks the container's certificate against the route's first exact host, and it has none [sh0.routes.scheme.scheme="https"]; add for example `sh0.routes.scheme.upstream.tls.server_name=backend.example.com`, or `sh0.routes.scheme.upstream.tls.skip_verify=true`
        "#]],
    );
}
