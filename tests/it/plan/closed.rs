//! A route is never served with less protection than its labels ask for.

use expect_test::expect;

use super::check;

#[test]
fn a_wrong_label_that_protects_closes_its_route_from_the_start() {
    check(
        "
        == certificate *.example.com
        shop/web
          sh0.host=app.example.com
          sh0.auth.basic=ada:secret
          sh0.routes.api.host=api.example.com
          sh0.routes.size.host=size.example.com
          sh0.routes.size.path=/up
          sh0.routes.size.body_max=10 apples
          sh0.routes.in.host=in.example.com
          sh0.routes.in.allow=
          sh0.routes.copy.host=copy.example.com
          sh0.routes.copy.auth.forward.copy=Remote-User
        blog/web
          sh0.host=*.example.com
        ",
        expect![[r#"
            == certificate *.example.com
            api.example.com [public] shop/web:api -> http 10.0.0.1:80
            app.example.com [public] shop/web:default -> http 503 closed
            copy.example.com [public] shop/web:copy -> http 503 closed
            in.example.com [public] shop/web:in -> http 503 closed
            size.example.com/up [public] shop/web:size -> http 503 closed
            *.example.com [public] blog/web:default -> http 10.0.0.2:80
            size.example.com [fenced from *.example.com]
            | *.example.com blog-web-1 routed
            | api.example.com shop-web-1 routed
            | app.example.com shop-web-1 refused: it answers 503: `sh0.auth.basic` takes `user:hash` pairs with a bcrypt or Argon2id hash, found another hash (in compose files every `$` of a hash is written `$$`) (pair 1)
            | copy.example.com shop-web-1 refused: it answers 503: `sh0.routes.copy.auth.forward.copy` needs `sh0.routes.copy.auth.forward`
            | in.example.com shop-web-1 refused: it answers 503: `sh0.routes.in.allow` takes an IP address or a range such as `10.0.0.0/8`, found nothing
            | size.example.com/up shop-web-1 refused: it answers 503: `sh0.routes.size.body_max` takes a size such as `512KB`, `10MB` or `1GB`, found `10 apples`
            ! E001 shop-web-1 (c1): `sh0.auth.basic` takes `user:hash` pairs with a bcrypt or Argon2id hash, found another hash (in compose files every `$` of a hash is written `$$`) (pair 1) [sh0.auth.basic="(hidden)"]; write for example `sh0.auth.basic=ada:$2a$04$/3DyloKJlePp7qJfPtiO7edscyI6ZO1Pecc6NZ3.HYPvwDj5ZzH.6`
            ! E001 shop-web-1 (c1): `sh0.routes.copy.auth.forward.copy` needs `sh0.routes.copy.auth.forward` [sh0.routes.copy.auth.forward.copy="Remote-User"]; add for example `sh0.routes.copy.auth.forward=auth:9091/verify`
            ! E001 shop-web-1 (c1): `sh0.routes.in.allow` takes an IP address or a range such as `10.0.0.0/8`, found nothing [sh0.routes.in.allow=""]; write for example `sh0.routes.in.allow=10.0.0.0/8, 2001:db8::1`
            ! E001 shop-web-1 (c1): `sh0.routes.size.body_max` takes a size such as `512KB`, `10MB` or `1GB`, found `10 apples` [sh0.routes.size.body_max="10 apples"]; write for example `sh0.routes.size.body_max=10MB`
            ! E011 shop-web-1 (c1): the route `copy` answers 503: `sh0.routes.copy.auth.forward.copy` needs `sh0.routes.copy.auth.forward`; correct its labels; it is never served with less protection than they ask for
            ! E011 shop-web-1 (c1): the route `default` answers 503: `sh0.auth.basic` takes `user:hash` pairs with a bcrypt or Argon2id hash, found another hash (in compose files every `$` of a hash is written `$$`) (pair 1); correct its labels; it is never served with less protection than they ask for
            ! E011 shop-web-1 (c1): the route `in` answers 503: `sh0.routes.in.allow` takes an IP address or a range such as `10.0.0.0/8`, found nothing; correct its labels; it is never served with less protection than they ask for
            ! E011 shop-web-1 (c1): the route `size` answers 503: `sh0.routes.size.body_max` takes a size such as `512KB`, `10MB` or `1GB`, found `10 apples`; correct its labels; it is never served with less protection than they ask for
        "#]],
    );
}

#[test]
fn a_key_that_looks_like_one_that_protects_closes_its_route() {
    check(
        "
        shop/web
          sh0.host=app.example.com
          sh0.auth.basci=ada:secret
          sh0.routes.api.host=api.example.com
          sh0.routes.open.host=open.example.com
          sh0.routes.api.alow=10.0.0.0/8
        ",
        expect![[r#"
            api.example.com [public] shop/web:api -> http 503 closed
            app.example.com [public] shop/web:default -> http 503 closed
            open.example.com [public] shop/web:open -> http 10.0.0.1:80
            | api.example.com shop-web-1 refused: it answers 503: a label that is not known was probably meant to protect it
            | app.example.com shop-web-1 refused: it answers 503: a label that is not known was probably meant to protect it
            | open.example.com shop-web-1 routed
            ! E011 shop-web-1 (c1): the route `api` answers 503: a label that is not known was probably meant to protect it; correct its labels; it is never served with less protection than they ask for
            ! E011 shop-web-1 (c1): the route `default` answers 503: a label that is not known was probably meant to protect it; correct its labels; it is never served with less protection than they ask for
            ! W001 shop-web-1 (c1): `sh0.auth.basci` is not a label of the agent [sh0.auth.basci="(hidden)"]; did you mean `sh0.auth.basic`?
            ! W001 shop-web-1 (c1): `sh0.routes.api.alow` is not a label of the agent [sh0.routes.api.alow="(hidden)"]; did you mean `sh0.routes.api.allow`?
        "#]],
    );
}

#[test]
fn one_that_belongs_to_no_route_closes_them_all() {
    check(
        "
        shop/web
          sh0.host=app.example.com
          sh0.routes.api.host=api.example.com
          sh0.route.api.auth.basic=ada:secret
        shop/other
          sh0.routes.api.host=other.example.com
          sh0.auth.basic=ada:$2a$04$/3DyloKJlePp7qJfPtiO7edscyI6ZO1Pecc6NZ3.HYPvwDj5ZzH.6
        ",
        expect![[r#"
            api.example.com [public] shop/web:api -> http 503 closed
            app.example.com [public] shop/web:default -> http 503 closed
            other.example.com [public] shop/other:api -> http 503 closed
            | api.example.com shop-web-1 refused: it answers 503: a label that is not known was probably meant to protect one of the routes
            | app.example.com shop-web-1 refused: it answers 503: a label that is not known was probably meant to protect one of the routes
            | other.example.com shop-other-1 refused: it answers 503: labels directly under `sh0.` protect a route that has no host: each of the others needs its own
            ! E006 shop-other-1 (c2): labels describe a route, but no label says its host [sh0.auth.basic="(hidden)"]; add for example `sh0.host=app.example.com`
            ! E011 shop-other-1 (c2): the route `api` answers 503: labels directly under `sh0.` protect a route that has no host: each of the others needs its own; correct its labels; it is never served with less protection than they ask for
            ! E011 shop-other-1 (c2): the route `default` is not served: labels describe a route, but no label says its host; correct its labels; it is never served with less protection than they ask for
            ! E011 shop-web-1 (c1): the route `api` answers 503: a label that is not known was probably meant to protect one of the routes; correct its labels; it is never served with less protection than they ask for
            ! E011 shop-web-1 (c1): the route `default` answers 503: a label that is not known was probably meant to protect one of the routes; correct its labels; it is never served with less protection than they ask for
            ! W001 shop-web-1 (c1): `sh0.route.api.auth.basic` is not a label of the agent [sh0.route.api.auth.basic="(hidden)"]; did you mean `sh0.routes.api.auth.basic`?
        "#]],
    );
}

#[test]
fn an_older_form_with_less_protection_does_not_come_back() {
    check(
        "
        shop/web
          sh0.host=app.example.com
        == later 10s
        shop/web
          sh0.host=app.example.com
          sh0.deny=10.0.0.0/99
        == later 10s
        shop/web ports=none
          sh0.host=app.example.com
          sh0.deny=10.0.0.0/8
        == later 10s
        shop/web
          sh0.host=app.example.com
          sh0.deny=10.0.0.0/8
        == later 10s
        shop/web
          sh0.host=app.example.com
          sh0.deny=10.0.0.0/8
          sh0.hold=soon
        == later 10s
        shop/web
          sh0.host=app.example.com
          sh0.deny=10.0.0.0/8, 10.0.0.0/9
        == caddy refuses shop/web:default
        ",
        expect![[r#"
            app.example.com [public] shop/web:default -> http 10.0.0.1:80
            | app.example.com shop-web-1 routed
            == later 10s
            app.example.com [public] shop/web:default -> http 503 closed
            | app.example.com shop-web-1 refused: it answers 503: `sh0.deny` takes an IP address or a range such as `10.0.0.0/8`, found `10.0.0.0/99`
            ! E001 shop-web-1 (c1): `sh0.deny` takes an IP address or a range such as `10.0.0.0/8`, found `10.0.0.0/99` [sh0.deny="10.0.0.0/99"]; write for example `sh0.deny=203.0.113.0/24`
            ! E011 shop-web-1 (c1): the route `default` answers 503: `sh0.deny` takes an IP address or a range such as `10.0.0.0/8`, found `10.0.0.0/99`; correct its labels; it is never served with less protection than they ask for
            == later 10s
            app.example.com [public] shop/web:default -> http 503 closed
            | app.example.com shop-web-1 refused: it answers 503: the container's port is not known: it exposes none
            ! E002 shop-web-1 (c1): the container's port is not known: it exposes none; add `sh0.port=8080`, with the port the app listens on
            ! E011 shop-web-1 (c1): the route `default` answers 503: the container's port is not known: it exposes none; correct its labels; it is never served with less protection than they ask for
            == later 10s
            app.example.com [public] shop/web:default -> http 10.0.0.1:80 deny=10.0.0.0/8
            | app.example.com shop-web-1 routed
            == later 10s
            app.example.com [public] shop/web:default -> http 10.0.0.1:80 deny=10.0.0.0/8
            | app.example.com shop-web-1 routed: by the route's last good form; the labels that count now are wrong
            ! E001 shop-web-1 (c1): `sh0.hold` takes a time such as `500ms`, `5s`, `2m` or `1h`, found `soon` [sh0.hold="soon"]; write for example `sh0.hold=2m`
            == later 10s
            app.example.com [public] shop/web:default -> http 10.0.0.1:80 deny=10.0.0.0/8+10.0.0.0/9
            | app.example.com shop-web-1 routed
            == caddy refuses shop/web:default
            app.example.com [public] shop/web:default -> http 503 closed
            | app.example.com shop-web-1 refused: it answers 503: Caddy refused the route `default`: loading module: no such thing
            ! E010 shop-web-1 (c1): Caddy refused the route `default`: loading module: no such thing; change the route's labels; it is tried again when they change
            ! E011 shop-web-1 (c1): the route `default` answers 503: Caddy refused the route `default`: loading module: no such thing; correct its labels; it is never served with less protection than they ask for
        "#]],
    );
}

#[test]
fn the_newest_replica_closes_the_route_of_all() {
    check(
        "
        shop/web n=1
          sh0.host=app.example.com
          sh0.deny=10.0.0.0/8
        shop/web n=2
          sh0.host=app.example.com
          sh0.deny=everybody
        ",
        expect![[r#"
            app.example.com [public] shop/web:default -> http 503 closed
            | app.example.com shop-web-1 refused: it answers 503: `sh0.deny` takes an IP address or a range such as `10.0.0.0/8`, found `everybody`
            | app.example.com shop-web-2 refused: it answers 503: `sh0.deny` takes an IP address or a range such as `10.0.0.0/8`, found `everybody`
            ! E001 shop-web-2 (c2): `sh0.deny` takes an IP address or a range such as `10.0.0.0/8`, found `everybody` [sh0.deny="everybody"]; write for example `sh0.deny=203.0.113.0/24`
            ! E011 shop-web-2 (c2): the route `default` answers 503: `sh0.deny` takes an IP address or a range such as `10.0.0.0/8`, found `everybody`; correct its labels; it is never served with less protection than they ask for
        "#]],
    );
}

#[test]
fn a_protected_route_with_an_unknown_path_closes_all_of_its_owner_under_its_hosts() {
    check(
        "
        shop/web
          sh0.host=app.example.com
          sh0.routes.admin.path=admin
          sh0.routes.admin.deny=10.0.0.0/8
          sh0.routes.far.host=far.example.com
          sh0.share=blog
        shop/zoo
          sh0.host=app.example.com
          sh0.path=/zoo
        blog/web
          sh0.host=app.example.com
          sh0.path=/blog
          sh0.routes.other.host=blog.example.com
        ",
        expect![[r#"
            app.example.com/zoo [public] shop/zoo:default -> http 503 closed
            app.example.com [public] shop/web:default -> http 503 closed
            blog.example.com [public] blog/web:other -> http 10.0.0.3:80
            far.example.com [public] shop/web:far -> http 10.0.0.1:80
            | app.example.com shop-web-1 refused: its requests may be meant for the route `admin`: it answers 503: `sh0.routes.admin.path` takes a path such as `/api`, beginning with `/`, found no `/` at its beginning
            | app.example.com shop-web-1 refused: it answers 503: `sh0.routes.admin.path` takes a path such as `/api`, beginning with `/`, found no `/` at its beginning
            | app.example.com/blog blog-web-1 refused: `app.example.com/blog` may be meant for the route `shop/web:admin`, whose labels are wrong
            | app.example.com/zoo shop-zoo-1 refused: its requests may be meant for the route `shop/web:admin`: it answers 503: `sh0.routes.admin.path` takes a path such as `/api`, beginning with `/`, found no `/` at its beginning
            | blog.example.com blog-web-1 routed
            | far.example.com shop-web-1 routed
            ! E005 blog-web-1 (c3): `app.example.com/blog` may be meant for the route `shop/web:admin`, whose labels are wrong; it is served once that route's labels are right
            ! E001 shop-web-1 (c1): `sh0.routes.admin.path` takes a path such as `/api`, beginning with `/`, found no `/` at its beginning [sh0.routes.admin.path="admin"]; write for example `sh0.routes.admin.path=/api`
            ! E011 shop-web-1 (c1): the route `admin` answers 503: `sh0.routes.admin.path` takes a path such as `/api`, beginning with `/`, found no `/` at its beginning; correct its labels; it is never served with less protection than they ask for
        "#]],
    );
}

#[test]
fn a_host_that_is_wrong_leaves_the_others_closed() {
    check(
        "
        shop/web
          sh0.host=app.example.com, b c.example.com
          sh0.deny=10.0.0.0/8
        ",
        expect![[r#"
            app.example.com [public] shop/web:default -> http 503 closed
            | app.example.com shop-web-1 refused: it answers 503: `sh0.host` takes a host name such as `app.example.com` or `*.example.com`, without scheme, port or path, found a space (write several hosts with commas between) in the item `b c.example.com`
            ! E001 shop-web-1 (c1): `sh0.host` takes a host name such as `app.example.com` or `*.example.com`, without scheme, port or path, found a space (write several hosts with commas between) in the item `b c.example.com` [sh0.host="app.example.com, b c.example.com"]; write for example `sh0.host=app.example.com`
            ! E011 shop-web-1 (c1): the route `default` answers 503: `sh0.host` takes a host name such as `app.example.com` or `*.example.com`, without scheme, port or path, found a space (write several hosts with commas between) in the item `b c.example.com`; correct its labels; it is never served with less protection than they ask for
        "#]],
    );
}

#[test]
fn a_wrong_host_of_the_default_route_is_wrong_for_those_that_take_it() {
    check(
        "
        shop/web
          sh0.host=app.example.com, b c
          sh0.routes.api.path=/api
          sh0.routes.api.scheme=https
          sh0.routes.admin.path=/admin
          sh0.routes.admin.deny=10.0.0.0/8
        ",
        expect![[r#"
            app.example.com/admin [public] shop/web:admin -> http 503 closed
            | app.example.com/admin shop-web-1 refused: it answers 503: the default route's host, which it takes, is wrong
            ! E001 shop-web-1 (c1): `sh0.host` takes a host name such as `app.example.com` or `*.example.com`, without scheme, port or path, found a space (write several hosts with commas between) in the item `b c` [sh0.host="app.example.com, b c"]; write for example `sh0.host=app.example.com`
            ! E011 shop-web-1 (c1): the route `admin` answers 503: the default route's host, which it takes, is wrong; correct its labels; it is never served with less protection than they ask for
        "#]],
    );
}

#[test]
fn secrets_are_shown_nowhere() {
    let told = crate::fixture::play(
        "
        shop/web
          sh0.host=app.example.com
          sh0.auth.basic=ada:hunter2, bob:$2a$04$hunter2
          sh0.auth.basci=hunter2
          sh0.headers.request.X-Key=hunter2\u{1}
          sh0.caddy.handlers=hunter2
          sh0.routes.b.host=b.example.com
          sh0.routes.b.auth.basic=hunter2
        ",
    );
    assert!(!told.contains("hunter2"), "{told}");
    assert!(told.contains("(hidden)"), "{told}");
}
