//! Which requests a protected route that is wrong may be meant for: none of them is served with less.

use expect_test::expect;

use super::check;

#[test]
fn whatever_is_wrong_of_the_requests_that_are_meant_may_mean_any() {
    for wrong in [
        "path.exact=login",
        "path.regexp=(",
        "match.method=G T",
        "match.header.X-A=",
        "match.query.a b=1",
        "match.client_ip=10.0.0.0/99",
        "priority=high",
        "path.exct=/login",
        "mach.method=GET",
    ] {
        let told = crate::fixture::play(&format!(
            "
            shop/web
              sh0.host=app.example.com
              sh0.routes.admin.path=/admin
              sh0.routes.admin.deny=10.0.0.0/8
              sh0.routes.admin.{wrong}
              sh0.routes.first.path.exact=/admin/login
              sh0.routes.first.priority=7
            shop/zoo
              sh0.host=app.example.com
              sh0.path.regexp=^/zoo
              sh0.match.method=GET
              sh0.priority=9
            "
        ));
        let of_table = told.lines().filter(|line| line.contains(" -> "));
        let table: Vec<&str> = of_table.collect();
        assert_eq!(
            table,
            [
                "app.example.com~^/zoo [GET] priority=9 [public] shop/zoo:default -> http 503 closed",
                "app.example.com=/admin/login priority=7 [public] shop/web:first -> http 503 closed",
                "app.example.com [public] shop/web:default -> http 503 closed",
            ],
            "{wrong}"
        );
    }
}

#[test]
fn an_older_form_for_fewer_requests_does_not_come_back() {
    check(
        "
        shop/web
          sh0.host=app.example.com
          sh0.routes.admin.path=/admin
          sh0.routes.admin.deny=10.0.0.0/8
        == later 10s
        shop/web
          sh0.host=app.example.com
          sh0.routes.admin.path=/admin, /private
          sh0.routes.admin.deny=10.0.0.0/8
          sh0.routes.admin.hold=soon
        == later 10s
        shop/web
          sh0.host=app.example.com
          sh0.routes.admin.path=/admin
          sh0.routes.admin.path.exact=private
          sh0.routes.admin.deny=10.0.0.0/8
        ",
        expect![[r#"
            app.example.com/admin [public] shop/web:admin -> http 10.0.0.1:80 deny=10.0.0.0/8
            app.example.com [public] shop/web:default -> http 10.0.0.1:80
            | app.example.com shop-web-1 routed
            | app.example.com/admin shop-web-1 routed
            == later 10s
            app.example.com/private [public] shop/web:admin -> http 503 closed
            app.example.com/admin [public] shop/web:admin -> http 503 closed
            app.example.com [public] shop/web:default -> http 10.0.0.1:80
            | app.example.com shop-web-1 routed
            | app.example.com/admin shop-web-1 refused: it answers 503: `sh0.routes.admin.hold` takes a time such as `500ms`, `5s`, `2m` or `1h`, found `soon`
            | app.example.com/private shop-web-1 refused: it answers 503: `sh0.routes.admin.hold` takes a time such as `500ms`, `5s`, `2m` or `1h`, found `soon`
            ! E001 shop-web-1 (c1): `sh0.routes.admin.hold` takes a time such as `500ms`, `5s`, `2m` or `1h`, found `soon` [sh0.routes.admin.hold="soon"]; write for example `sh0.routes.admin.hold=2m`
            ! E011 shop-web-1 (c1): the route `admin` answers 503: `sh0.routes.admin.hold` takes a time such as `500ms`, `5s`, `2m` or `1h`, found `soon`; correct its labels; it is never served with less protection than they ask for
            == later 10s
            app.example.com [public] shop/web:default -> http 503 closed
            | app.example.com shop-web-1 refused: its requests may be meant for the route `admin`: it answers 503: `sh0.routes.admin.path.exact` takes a path such as `/login`, beginning with `/`, found no `/` at its beginning
            | app.example.com shop-web-1 refused: it answers 503: `sh0.routes.admin.path.exact` takes a path such as `/login`, beginning with `/`, found no `/` at its beginning
            ! E001 shop-web-1 (c1): `sh0.routes.admin.path.exact` takes a path such as `/login`, beginning with `/`, found no `/` at its beginning [sh0.routes.admin.path.exact="private"]; write for example `sh0.routes.admin.path.exact=/login`
            ! E011 shop-web-1 (c1): the route `admin` answers 503: `sh0.routes.admin.path.exact` takes a path such as `/login`, beginning with `/`, found no `/` at its beginning; correct its labels; it is never served with less protection than they ask for
        "#]],
    );
}

#[test]
fn what_caddy_refuses_of_a_protected_route_may_be_its_requests() {
    check(
        "
        shop/web
          sh0.host=app.example.com
          sh0.routes.admin.path.regexp=^/admin
          sh0.routes.admin.match.method=GET
          sh0.routes.admin.deny=10.0.0.0/8
        == caddy refuses shop/web:admin
        ",
        expect![[r#"
            app.example.com~^/admin [GET] [public] shop/web:admin -> http 10.0.0.1:80 deny=10.0.0.0/8
            app.example.com [public] shop/web:default -> http 10.0.0.1:80
            | app.example.com shop-web-1 routed
            | app.example.com~^/admin [GET] shop-web-1 routed
            == caddy refuses shop/web:admin
            app.example.com [public] shop/web:default -> http 503 closed
            | app.example.com shop-web-1 refused: its requests may be meant for the route `admin`: it answers 503: Caddy refused the route `admin`: loading module: no such thing
            | app.example.com shop-web-1 refused: it answers 503: Caddy refused the route `admin`: loading module: no such thing
            ! E010 shop-web-1 (c1): Caddy refused the route `admin`: loading module: no such thing; change the route's labels; it is tried again when they change
            ! E011 shop-web-1 (c1): the route `admin` answers 503: Caddy refused the route `admin`: loading module: no such thing; correct its labels; it is never served with less protection than they ask for
        "#]],
    );
}

#[test]
fn a_protected_route_that_does_not_say_which_requests_closes_all_of_its_container() {
    check(
        "
        shop/web
          sh0.routes.admin.host=admin.example.com
          sh0.routes.amin.deny=10.0.0.0/8
        shop/two
          sh0.host=two.example.com
          sh0.routes.admin.host=admin2.example.com
          sh0.routes.amin.deny=10.0.0.0/8
          sh0.routes.amin.strip=true
        shop/far
          sh0.routes.admin.host=adm in.example.com
          sh0.routes.admin.deny=10.0.0.0/8
          sh0.routes.all.host=*.internal
        ",
        expect![[r#"
            admin.example.com [public] shop/web:admin -> http 503 closed
            admin2.example.com [public] shop/two:admin -> http 503 closed
            two.example.com [public] shop/two:default -> http 503 closed
            *.internal [internal] shop/far:all -> http 503 closed
            | *.internal shop-far-1 refused: it answers 503: labels under `sh0.routes.admin.` protect a route whose host is wrong: each of the others needs its own
            | admin.example.com shop-web-1 refused: it answers 503: labels under `sh0.routes.amin.` protect a route that has no host: each of the others needs its own
            | admin2.example.com shop-two-1 refused: it answers 503: labels under `sh0.routes.amin.` protect a route that has no host or path of its own: each of the others needs its own
            | two.example.com shop-two-1 refused: it answers 503: labels under `sh0.routes.amin.` protect a route that has no host or path of its own: each of the others needs its own
            | two.example.com shop-two-1 refused: `two.example.com` is served by the route `shop/two:default` already
            ! E001 shop-far-1 (c3): `sh0.routes.admin.host` takes a host name such as `app.example.com` or `*.example.com`, without scheme, port or path, found a space (write several hosts with commas between) [sh0.routes.admin.host="adm in.example.com"]; write for example `sh0.routes.admin.host=app.example.com`
            ! E011 shop-far-1 (c3): the route `admin` is not served: `sh0.routes.admin.host` takes a host name such as `app.example.com` or `*.example.com`, without scheme, port or path, found a space (write several hosts with commas between); correct its labels; it is never served with less protection than they ask for
            ! E011 shop-far-1 (c3): the route `all` answers 503: labels under `sh0.routes.admin.` protect a route whose host is wrong: each of the others needs its own; correct its labels; it is never served with less protection than they ask for
            ! E005 shop-two-1 (c2): `two.example.com` is served by the route `shop/two:default` already; give one of the two another host or path
            ! E011 shop-two-1 (c2): the route `admin` answers 503: labels under `sh0.routes.amin.` protect a route that has no host or path of its own: each of the others needs its own; correct its labels; it is never served with less protection than they ask for
            ! E011 shop-two-1 (c2): the route `amin` answers 503: labels under `sh0.routes.amin.` protect a route that has no host or path of its own: each of the others needs its own; correct its labels; it is never served with less protection than they ask for
            ! E011 shop-two-1 (c2): the route `default` answers 503: labels under `sh0.routes.amin.` protect a route that has no host or path of its own: each of the others needs its own; correct its labels; it is never served with less protection than they ask for
            ! W002 shop-two-1 (c2): `sh0.routes.amin.strip` has no effect without `path` [sh0.routes.amin.strip="true"]; add the other label, or remove this one
            ! E006 shop-web-1 (c1): the route `amin` has no host, and there is no `sh0.host` [sh0.routes.amin.deny="10.0.0.0/8"]; add for example `sh0.routes.amin.host=app.example.com`
            ! E011 shop-web-1 (c1): the route `admin` answers 503: labels under `sh0.routes.amin.` protect a route that has no host: each of the others needs its own; correct its labels; it is never served with less protection than they ask for
            ! E011 shop-web-1 (c1): the route `amin` is not served: the route `amin` has no host, and there is no `sh0.host`; correct its labels; it is never served with less protection than they ask for
        "#]],
    );
}

#[test]
fn two_routes_for_the_same_requests_with_other_protection_are_both_closed() {
    check(
        "
        shop/web
          sh0.host=app.example.com
          sh0.routes.admin.path=/
          sh0.routes.admin.deny=10.0.0.0/8
          sh0.routes.same.path=/same
        shop/two
          sh0.host=app.example.com
          sh0.path=/same
        == later 10s
        shop/web
          sh0.host=*.internal
          sh0.routes.admin.host=adm in.internal
          sh0.routes.admin.deny=10.0.0.0/8
          sh0.routes.admin.match.method=*
        ",
        expect![[r#"
            app.example.com/same [public] shop/two:default -> http 10.0.0.2:80
            app.example.com [public] shop/web:default -> http 503 closed
            | app.example.com shop-web-1 refused: the route `default` answers 503 at `app.example.com`: the route `shop/web:admin` asks for the same requests, with other protection
            | app.example.com shop-web-1 refused: `app.example.com` is served by the route `shop/web:default` already
            | app.example.com/same shop-two-1 routed
            | app.example.com/same shop-web-1 refused: `app.example.com/same` is served by the route `shop/two:default` already
            ! E005 shop-web-1 (c1): `app.example.com/same` is served by the route `shop/two:default` already; give one of the two another host or path
            ! E005 shop-web-1 (c1): `app.example.com` is served by the route `shop/web:default` already; give one of the two another host or path
            ! E011 shop-web-1 (c1): the route `default` answers 503 at `app.example.com`: the route `shop/web:admin` asks for the same requests, with other protection; give one of the two another host or path
            == later 10s
            *.internal [internal] shop/web:default -> http 503 closed
            | *.internal shop-web-1 refused: its requests may be meant for the route `admin`: it answers 503: `sh0.routes.admin.match.method` takes a method such as `GET`, found `*`
            | *.internal shop-web-1 refused: it answers 503: `sh0.routes.admin.match.method` takes a method such as `GET`, found `*`
            ! E001 shop-web-1 (c1): `sh0.routes.admin.host` takes a host name such as `app.example.com` or `*.example.com`, without scheme, port or path, found a space (write several hosts with commas between) [sh0.routes.admin.host="adm in.internal"]; write for example `sh0.routes.admin.host=app.example.com`
            ! E001 shop-web-1 (c1): `sh0.routes.admin.match.method` takes a method such as `GET`, found `*` [sh0.routes.admin.match.method="*"]; write for example `sh0.routes.admin.match.method=GET, HEAD`
            ! E011 shop-web-1 (c1): the route `admin` answers 503: `sh0.routes.admin.match.method` takes a method such as `GET`, found `*`; correct its labels; it is never served with less protection than they ask for
        "#]],
    );
}

#[test]
fn a_closed_host_asks_its_clients_for_what_it_did() {
    check(
        "
        == authority partners.pem
        shop/web
          sh0.host=app.internal
          sh0.auth.basic=ada:x
          sh0.tls.client_ca=partners.pem
          sh0.tls.min=1.3
          sh0.hsts=max-age=86400
          sh0.redirect.from=www.internal
        shop/lost
          sh0.host=lost.internal
          sh0.path=lost
          sh0.deny=10.0.0.0/8
          sh0.tls.client_ca=partners.pem
        shop/guess
          sh0.host=guess.internal
          sh0.auth.basci=x
          sh0.tls.client_ca=partners.pem
          sh0.redirect.https=false
        ",
        expect![[r#"
            == authority partners.pem
            app.internal [internal min=1.3 client_ca=partners.pem hsts="max-age=86400"] shop/web:default -> http 503 closed
            guess.internal [internal http] shop/guess:default -> http 503 closed
            lost.internal [internal client_ca=partners.pem] shop/lost:default -> http 503 closed
            www.internal [internal min=1.3 hsts="max-age=86400"] -> app.internal
            | app.internal shop-web-1 refused: it answers 503: `sh0.auth.basic` takes `user:hash` pairs with a bcrypt or Argon2id hash, found another hash (in compose files every `$` of a hash is written `$$`) (pair 1)
            | guess.internal shop-guess-1 refused: it answers 503: a label that is not known was probably meant to protect it
            | lost.internal shop-lost-1 refused: it answers 503: `sh0.path` takes a path such as `/api`, beginning with `/`, found no `/` at its beginning
            ! E011 shop-guess-1 (c3): the route `default` answers 503: a label that is not known was probably meant to protect it; correct its labels; it is never served with less protection than they ask for
            ! E014 shop-guess-1 (c3): clients of `guess.internal` must show a certificate, but over plain HTTP (`redirect.https=false`) they cannot; the host answers 503; remove `redirect.https=false` or `tls.client_ca`
            ! W001 shop-guess-1 (c3): `sh0.auth.basci` is not a label of the agent [sh0.auth.basci="(hidden)"]; did you mean `sh0.auth.basic`?
            ! E001 shop-lost-1 (c2): `sh0.path` takes a path such as `/api`, beginning with `/`, found no `/` at its beginning [sh0.path="lost"]; write for example `sh0.path=/api`
            ! E011 shop-lost-1 (c2): the route `default` answers 503: `sh0.path` takes a path such as `/api`, beginning with `/`, found no `/` at its beginning; correct its labels; it is never served with less protection than they ask for
            ! E001 shop-web-1 (c1): `sh0.auth.basic` takes `user:hash` pairs with a bcrypt or Argon2id hash, found another hash (in compose files every `$` of a hash is written `$$`) (pair 1) [sh0.auth.basic="(hidden)"]; write for example `sh0.auth.basic=ada:$2a$04$/3DyloKJlePp7qJfPtiO7edscyI6ZO1Pecc6NZ3.HYPvwDj5ZzH.6`
            ! E011 shop-web-1 (c1): the route `default` answers 503: `sh0.auth.basic` takes `user:hash` pairs with a bcrypt or Argon2id hash, found another hash (in compose files every `$` of a hash is written `$$`) (pair 1); correct its labels; it is never served with less protection than they ask for
        "#]],
    );
}
