//! What is said about keys, and whom a wrong label touches.

use expect_test::expect;
use sh0_agent::model::Snapshot;

use super::check;
use crate::docs::container;
use crate::fixture::Agent;

#[test]
fn an_unknown_key_is_answered_with_the_nearest() {
    check(
        "
        shop/web
          sh0.hots=a.example
        ",
        expect![[r#"
            | - shop-web-1 refused: labels describe a route, but no label says its host
            ! E006 shop-web-1 (c1): labels describe a route, but no label says its host; add for example `sh0.host=app.example.com`
            ! W001 shop-web-1 (c1): `sh0.hots` is not a label of the agent [sh0.hots="a.example"]; did you mean `sh0.host`?
        "#]],
    );
    check(
        "
        shop/web
          sh0.host=a.example
          sh0.Port=80
          sh0.zebra=1
          sh0.routes.api=x
          sh0.route.api.path=/api
          sh0.routes.api.pth=/api
          sh0.routes.api.app=x
          sh0.routes.a!b.host=x
          sh0.routes.default.host=x
          sh0.=x
        ",
        expect![[r#"
            a.example [public] shop/web:default -> http 10.0.0.1:80
            | a.example shop-web-1 routed
            | a.example shop-web-1 refused: `a.example` is served by the route `shop/web:default` already
            ! E005 shop-web-1 (c1): `a.example` is served by the route `shop/web:default` already; give one of the two another host or path
            ! W001 shop-web-1 (c1): `sh0.` is not a label of the agent [sh0.="x"]; remove it, or see the label table for the keys under `sh0.`
            ! W001 shop-web-1 (c1): `sh0.Port` is not a label of the agent [sh0.Port="80"]; did you mean `sh0.port`?
            ! W001 shop-web-1 (c1): `sh0.route.api.path` is not a label of the agent [sh0.route.api.path="/api"]; did you mean `sh0.routes.api.path`?
            ! W001 shop-web-1 (c1): the route name in `sh0.routes.a!b.host` is not one [sh0.routes.a!b.host="x"]; name it with letters, digits, `-` and `_`, not `default`: `sh0.routes.api.host`
            ! W001 shop-web-1 (c1): `sh0.routes.api` is not a label of the agent [sh0.routes.api="x"]; did you mean `sh0.routes.api.host`?
            ! W001 shop-web-1 (c1): `sh0.routes.api.app` holds for the whole container, not for one route [sh0.routes.api.app="x"]; write `sh0.app`
            ! W001 shop-web-1 (c1): `sh0.routes.api.pth` is not a label of the agent [sh0.routes.api.pth="/api"]; did you mean `sh0.routes.api.path`?
            ! W001 shop-web-1 (c1): the route name in `sh0.routes.default.host` is not one [sh0.routes.default.host="x"]; name it with letters, digits, `-` and `_`, not `default`: `sh0.routes.api.host`
            ! W001 shop-web-1 (c1): `sh0.zebra` is not a label of the agent [sh0.zebra="1"]; remove it, or see the label table for the keys under `sh0.`
        "#]],
    );
}

#[test]
fn a_key_without_effect_is_said_and_the_route_works() {
    check(
        "
        shop/web
          sh0.host=a.example
          sh0.upstream.tls.skip_verify=true
          sh0.upstream.tls.server_name=x.example
          sh0.lb.header=X-A
          sh0.lb.cookie=c
        ",
        expect![[r#"
            a.example [public] shop/web:default -> http 10.0.0.1:80
            | a.example shop-web-1 routed
            ! W002 shop-web-1 (c1): `sh0.lb.cookie` has no effect without `lb.policy=cookie` [sh0.lb.cookie="c"]; add the other label, or remove this one
            ! W002 shop-web-1 (c1): `sh0.lb.header` has no effect without `lb.policy=header` [sh0.lb.header="X-A"]; add the other label, or remove this one
            ! W002 shop-web-1 (c1): `sh0.upstream.tls.server_name` has no effect without `scheme=https` [sh0.upstream.tls.server_name="x.example"]; add the other label, or remove this one
            ! W002 shop-web-1 (c1): `sh0.upstream.tls.skip_verify` has no effect without `scheme=https` [sh0.upstream.tls.skip_verify="true"]; add the other label, or remove this one
        "#]],
    );
}

#[test]
fn a_wrong_route_leaves_the_others_of_its_container_alone() {
    check(
        "
        shop/web
          sh0.host=a.example
          sh0.routes.bad.host=b.example
          sh0.routes.bad.port=x
          sh0.routes.good.host=c.example
        ",
        expect![[r#"
            a.example [public] shop/web:default -> http 10.0.0.1:80
            c.example [public] shop/web:good -> http 10.0.0.1:80
            | a.example shop-web-1 routed
            | c.example shop-web-1 routed
            ! E001 shop-web-1 (c1): `sh0.routes.bad.port` takes a number from 1 to 65535, found `x`, which is not a number [sh0.routes.bad.port="x"]; write for example `sh0.routes.bad.port=8080`
        "#]],
    );
}

#[test]
fn a_wrong_host_of_the_default_route_is_said_once_for_all_that_take_it() {
    check(
        "
        shop/web
          sh0.host=a/b
          sh0.routes.api.path=/api
          sh0.routes.own.host=c.example
        ",
        expect![[r#"
            c.example [public] shop/web:own -> http 10.0.0.1:80
            | c.example shop-web-1 routed
            ! E001 shop-web-1 (c1): `sh0.host` takes a host name such as `app.example.com` or `*.example.com`, without scheme, port or path, found a path (write it as the label `path`) [sh0.host="a/b"]; write for example `sh0.host=app.example.com`
        "#]],
    );
}

#[test]
fn everything_wrong_is_said_at_once() {
    check(
        "
        shop/web
          sh0.host=a..example
          sh0.port=x
          sh0.path=api
          sh0.tls=on
          sh0.hsot=b.example
        ",
        expect![[r#"
            | - shop-web-1 refused: `sh0.host` takes a host name such as `app.example.com` or `*.example.com`, without scheme, port or path, found an empty part between two dots
            ! E001 shop-web-1 (c1): `sh0.host` takes a host name such as `app.example.com` or `*.example.com`, without scheme, port or path, found an empty part between two dots [sh0.host="a..example"]; write for example `sh0.host=app.example.com`
            ! E001 shop-web-1 (c1): `sh0.path` takes a path such as `/api`, beginning with `/`, found no `/` at its beginning [sh0.path="api"]; write for example `sh0.path=/api`
            ! E001 shop-web-1 (c1): `sh0.port` takes a number from 1 to 65535, found `x`, which is not a number [sh0.port="x"]; write for example `sh0.port=8080`
            ! E001 shop-web-1 (c1): `sh0.tls` takes `auto`, `internal`, `on_demand` or `off`, found `on` [sh0.tls="on"]; write for example `sh0.tls=internal`
            ! W001 shop-web-1 (c1): `sh0.hsot` is not a label of the agent [sh0.hsot="b.example"]; did you mean `sh0.host`?
        "#]],
    );
}

#[test]
fn one_containers_wrong_label_touches_nobody_else() {
    check(
        "
        shop/web
          sh0.host=a.example
        shop/api
          sh0.host=b.example
          sh0.port=x
        blog/web
          sh0.host=c.example
          sh0.tls=x
        ",
        expect![[r#"
            a.example [public] shop/web:default -> http 10.0.0.1:80
            | - blog-web-1 refused: `sh0.tls` takes `auto`, `internal`, `on_demand` or `off`, found `x`
            | - shop-api-1 refused: `sh0.port` takes a number from 1 to 65535, found `x`, which is not a number
            | a.example shop-web-1 routed
            ! E001 blog-web-1 (c3): `sh0.tls` takes `auto`, `internal`, `on_demand` or `off`, found `x` [sh0.tls="x"]; write for example `sh0.tls=internal`
            ! E001 shop-api-1 (c2): `sh0.port` takes a number from 1 to 65535, found `x`, which is not a number [sh0.port="x"]; write for example `sh0.port=8080`
        "#]],
    );
}

#[test]
fn hostile_names_are_escaped_and_cut() {
    check(
        "
        shop/web
          sh0.host=a.example
          sh0.\u{1b}[31mred=\u{1b}]0;title\u{7}
        ",
        expect![[r#"
            a.example [public] shop/web:default -> http 10.0.0.1:80
            | a.example shop-web-1 routed
            ! W001 shop-web-1 (c1): `sh0.\u{1b}[31mred` is not a label of the agent [sh0.\u{1b}[31mred="\u{1b}]0;title\u{7}"]; remove it, or see the label table for the keys under `sh0.`
        "#]],
    );
}

#[test]
fn a_container_has_a_hundred_routes_at_most() {
    let routes = |count: u32| {
        let labels = (1..count).map(|n| (format!("sh0.routes.r{n}.path"), format!("/{n}")));
        let host = ("sh0.host".to_owned(), "a.example".to_owned());
        let container = container("shop-web-1", "web", labels.chain([host]).collect());
        let built = Agent::default().build(&Snapshot::new(vec![container]));
        let said = built.diagnostics.iter().map(|d| d.message.clone());
        (built.table.routes.len(), said.collect::<Vec<_>>())
    };
    assert_eq!(routes(100), (100, vec![]));
    let said = "a container takes at most 500 labels under `sh0.`, of 100 routes; found 101 labels";
    assert_eq!(routes(101), (0, vec![said.to_owned()]));
}

#[test]
fn too_much_on_one_container_is_said_and_left_out() {
    let numbered = |count: u32, item: &dyn Fn(u32) -> String, between: &str| {
        (0..count).map(item).collect::<Vec<_>>().join(between)
    };
    let routes = numbered(501, &|n| format!("  sh0.routes.r{n}.path=/r{n}"), "\n");
    let hosts = numbered(201, &|n| format!("h{n}.example"), ",");
    let some_hosts = numbered(30, &|n| format!("h{n}.example"), ",");
    let paths = numbered(17, &|n| format!("/p{n}"), ",");
    check(
        &format!(
            "
            shop/labels
              sh0.host=a.example
            {routes}
            shop/list
              sh0.host={hosts}
            shop/pairs
              sh0.host={some_hosts}
              sh0.path={paths}
            shop/good
              sh0.host=good.example
            "
        ),
        expect![[r#"
            good.example [public] shop/good:default -> http 10.0.0.4:80
            | - shop-labels-1 refused: a container takes at most 500 labels under `sh0.`, of 100 routes; found 502 labels
            | - shop-list-1 refused: `sh0.host` takes a comma-separated list, found 201 items, at most 200 are allowed
            | - shop-pairs-1 refused: a route takes at most 500 pairs of a host and a path, found 510
            | good.example shop-good-1 routed
            ! E001 shop-labels-1 (c1): a container takes at most 500 labels under `sh0.`, of 100 routes; found 502 labels; share the routes out among several services
            ! E001 shop-list-1 (c2): `sh0.host` takes a comma-separated list, found 201 items, at most 200 are allowed [sh0.host="h0.example,h1.example,h2.example,h3.example,h4.example,h5.example,h6.example,h7.example,h8.example,h9.example,h10.exampl…"]; write for example `sh0.host=app.example.com`
            ! E001 shop-pairs-1 (c3): a route takes at most 500 pairs of a host and a path, found 510 [sh0.path="/p0,/p1,/p2,/p3,/p4,/p5,/p6,/p7,/p8,/p9,/p10,/p11,/p12,/p13,/p14,/p15,/p16"]; share the hosts or the paths out among several routes
        "#]],
    );
}
