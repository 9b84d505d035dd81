//! A route that became wrong keeps its last good form.

use expect_test::expect;

use super::check;

#[test]
fn a_wrong_value_keeps_the_last_form_with_the_new_address() {
    check(
        "
        shop/web id=old ip=10.0.0.5 ports=8080
          sh0.host=a.example
          sh0.path=/api
        == later 5s
        shop/web id=new ip=10.0.0.6 ports=8080
          sh0.host=a.example
          sh0.path=api
        ",
        expect![[r#"
            a.example/api [public] shop/web:default -> http 10.0.0.5:8080
            | a.example/api shop-web-1 routed
            == later 5s
            a.example/api [public] shop/web:default -> http 10.0.0.6:8080
            | a.example/api shop-web-1 routed: by the route's last good form; the labels that count now are wrong
            ! E001 shop-web-1 (new): `sh0.path` takes a path such as `/api`, beginning with `/`, found no `/` at its beginning [sh0.path="api"]; write for example `sh0.path=/api`
        "#]],
    );
}

#[test]
fn without_a_last_form_it_is_left_out() {
    check(
        "
        shop/web
          sh0.host=a.example
          sh0.path=api
        ",
        expect![[r#"
            | - shop-web-1 refused: `sh0.path` takes a path such as `/api`, beginning with `/`, found no `/` at its beginning
            ! E001 shop-web-1 (c1): `sh0.path` takes a path such as `/api`, beginning with `/`, found no `/` at its beginning [sh0.path="api"]; write for example `sh0.path=/api`
        "#]],
    );
}

#[test]
fn a_mistyped_key_keeps_the_route_that_it_took_away() {
    check(
        "
        shop/web
          sh0.host=a.example
          sh0.routes.api.host=b.example
        == later 5s
        shop/web
          sh0.host=a.example
          sh0.ruotes.api.host=b.example
        ",
        expect![[r#"
            a.example [public] shop/web:default -> http 10.0.0.1:80
            b.example [public] shop/web:api -> http 10.0.0.1:80
            | a.example shop-web-1 routed
            | b.example shop-web-1 routed
            == later 5s
            a.example [public] shop/web:default -> http 10.0.0.1:80
            b.example [public] shop/web:api -> http 10.0.0.1:80
            | a.example shop-web-1 routed
            | b.example shop-web-1 routed: by the route's last good form; the labels that count now are wrong
            ! W001 shop-web-1 (c1): `sh0.ruotes.api.host` is not a label of the agent [sh0.ruotes.api.host="b.example"]; did you mean `sh0.routes.api.host`?
        "#]],
    );
    check(
        "
        shop/web
          sh0.host=a.example
        == later 5s
        shop/web
          sh0.hots=a.example
        ",
        expect![[r#"
            a.example [public] shop/web:default -> http 10.0.0.1:80
            | a.example shop-web-1 routed
            == later 5s
            a.example [public] shop/web:default -> http 10.0.0.1:80
            | a.example shop-web-1 routed: by the route's last good form; the labels that count now are wrong
            ! E006 shop-web-1 (c1): labels describe a route, but no label says its host; add for example `sh0.host=app.example.com`
            ! W001 shop-web-1 (c1): `sh0.hots` is not a label of the agent [sh0.hots="a.example"]; did you mean `sh0.host`?
        "#]],
    );
}

#[test]
fn a_route_that_was_taken_away_on_purpose_goes() {
    check(
        "
        shop/web
          sh0.host=a.example
          sh0.routes.api.host=b.example
        == later 5s
        shop/web
          sh0.host=a.example
        ",
        expect![[r#"
            a.example [public] shop/web:default -> http 10.0.0.1:80
            b.example [public] shop/web:api -> http 10.0.0.1:80
            | a.example shop-web-1 routed
            | b.example shop-web-1 routed
            == later 5s
            a.example [public] shop/web:default -> http 10.0.0.1:80
            | a.example shop-web-1 routed
        "#]],
    );
}

#[test]
fn a_port_that_is_not_known_any_more_keeps_the_one_that_was() {
    check(
        "
        shop/web id=old ports=none
          sh0.host=a.example
          sh0.port=3000
        == later 5s
        shop/web id=new ports=none
          sh0.host=a.example
        ",
        expect![[r#"
            a.example [public] shop/web:default -> http 10.0.0.1:3000
            | a.example shop-web-1 routed
            == later 5s
            a.example [public] shop/web:default -> http 10.0.0.1:3000
            | a.example shop-web-1 routed: by the route's last good form; the labels that count now are wrong
            ! E002 shop-web-1 (new): the container's port is not known: it exposes none; add `sh0.port=8080`, with the port the app listens on
        "#]],
    );
}

#[test]
fn a_form_whose_port_is_not_known_yet_does_not_replace_a_good_one() {
    check(
        "
        shop/web id=old ports=none
          sh0.host=a.example
          sh0.port=3000
        == later 5s
        shop/web id=new ports=none state=created ip=none
          sh0.host=a.example
        == later 5s
        shop/web id=new ports=none
          sh0.host=a.example
        ",
        expect![[r#"
            a.example [public] shop/web:default -> http 10.0.0.1:3000
            | a.example shop-web-1 routed
            == later 5s
            a.example [public] shop/web:default -> http 503
            | a.example shop-web-1 waiting: the container was not started
            == later 5s
            a.example [public] shop/web:default -> http 10.0.0.1:3000
            | a.example shop-web-1 routed: by the route's last good form; the labels that count now are wrong
            ! E002 shop-web-1 (new): the container's port is not known: it exposes none; add `sh0.port=8080`, with the port the app listens on
        "#]],
    );
}

#[test]
fn a_form_that_caddy_refused_is_replaced_by_the_last_one_that_it_took() {
    check(
        "
        shop/web id=old
          sh0.host=a.example
        == later 5s
        shop/web id=new ip=10.0.0.7
          sh0.host=a.example
          sh0.path=/api
        == caddy refuses shop/web:default
        ",
        expect![[r#"
            a.example [public] shop/web:default -> http 10.0.0.1:80
            | a.example shop-web-1 routed
            == later 5s
            a.example/api [public] shop/web:default -> http 10.0.0.7:80
            | a.example/api shop-web-1 routed
            == caddy refuses shop/web:default
            a.example [public] shop/web:default -> http 10.0.0.7:80
            | a.example shop-web-1 routed: by the route's last good form; the labels that count now are wrong
            ! E010 shop-web-1 (new): Caddy refused the route `default`: loading module: no such thing; change the route's labels; it is tried again when they change
        "#]],
    );
    check(
        "
        shop/web
          sh0.host=a.example
        == caddy refuses shop/web:default
        ",
        expect![[r#"
            a.example [public] shop/web:default -> http 10.0.0.1:80
            | a.example shop-web-1 routed
            == caddy refuses shop/web:default
            | - shop-web-1 refused: Caddy refused the route `default`: loading module: no such thing
            ! E010 shop-web-1 (c1): Caddy refused the route `default`: loading module: no such thing; change the route's labels; it is tried again when they change
        "#]],
    );
}

#[test]
fn an_old_replica_serves_on_beside_a_wrong_new_one() {
    check(
        "
        shop/web n=1 ports=8001
          sh0.host=a.example
        == later 5s
        shop/web n=1 ports=8001
          sh0.host=a.example
        shop/web n=2 ports=8002
          sh0.host=a.example
          sh0.lb.policy=fastest
        ",
        expect![[r#"
            a.example [public] shop/web:default -> http 10.0.0.1:8001
            | a.example shop-web-1 routed
            == later 5s
            a.example [public] shop/web:default -> http 10.0.0.1:8001 10.0.0.2:8002
            | a.example shop-web-1 routed: by the route's last good form; the labels that count now are wrong
            | a.example shop-web-2 routed: by the route's last good form; the labels that count now are wrong
            ! E001 shop-web-2 (c2): `sh0.lb.policy` takes least_conn, random, round_robin, first, client_ip_hash, uri_hash, header or cookie, found `fastest` [sh0.lb.policy="fastest"]; write for example `sh0.lb.policy=round_robin`
        "#]],
    );
    check(
        "
        shop/web n=1
          sh0.host=a.example
        shop/web n=2
          sh0.host=a.example
          sh0.lb.policy=fastest
        ",
        expect![[r#"
            | - shop-web-1 refused: the labels of shop-web-2 (c2) count for all replicas, and they are wrong
            | - shop-web-2 refused: `sh0.lb.policy` takes least_conn, random, round_robin, first, client_ip_hash, uri_hash, header or cookie, found `fastest`
            ! E001 shop-web-2 (c2): `sh0.lb.policy` takes least_conn, random, round_robin, first, client_ip_hash, uri_hash, header or cookie, found `fastest` [sh0.lb.policy="fastest"]; write for example `sh0.lb.policy=round_robin`
        "#]],
    );
}

#[test]
fn a_last_form_is_served_only_by_the_scheme_that_it_had() {
    check(
        "
        shop/web id=old
          sh0.host=a.example
        == later 5s
        shop/web id=new ports=none
          sh0.host=a.example
          sh0.scheme=h2c
        ",
        expect![[r#"
            a.example [public] shop/web:default -> http 10.0.0.1:80
            | a.example shop-web-1 routed
            == later 5s
            a.example [public] shop/web:default -> http 503
            | a.example shop-web-1 refused: its own labels describe this route differently
            ! E002 shop-web-1 (new): the container's port is not known: it exposes none; add `sh0.port=8080`, with the port the app listens on
        "#]],
    );
}

#[test]
fn the_last_form_of_a_catch_all_ends_with_the_agents_leave() {
    check(
        "
        shop/web
          sh0.host=a.example
        == later 5s
        shop/web
          sh0.host=*
        ",
        expect![[r#"
            a.example [public] shop/web:default -> http 10.0.0.1:80
            | a.example shop-web-1 routed
            == later 5s
            a.example [public] shop/web:default -> http 10.0.0.1:80
            | a.example shop-web-1 routed: by the route's last good form; the labels that count now are wrong
            ! E008 shop-web-1 (c1): the host `*` would take every request that no other route takes [sh0.host="*"]; name the hosts, or start the agent with `--allow-catch-all`
        "#]],
    );
}
