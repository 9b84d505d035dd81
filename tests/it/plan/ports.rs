//! Which port requests go to.

use expect_test::expect;

use super::check;

#[test]
fn one_exposed_port_is_taken() {
    check(
        "
        shop/web ports=3000
          sh0.host=a.example
        ",
        expect![[r#"
            a.example [public] shop/web:default -> http 10.0.0.1:3000
            | a.example shop-web-1 routed
        "#]],
    );
}

#[test]
fn among_several_80_wins_and_443_for_https() {
    check(
        "
        shop/web ports=80,443,9000
          sh0.host=a.example
        ",
        expect![[r#"
            a.example [public] shop/web:default -> http 10.0.0.1:80
            | a.example shop-web-1 routed
        "#]],
    );
    check(
        "
        shop/web ports=80,443
          sh0.host=a.example
          sh0.scheme=https
        ",
        expect![[r#"
            a.example [public] shop/web:default -> https 10.0.0.1:443 verify=a.example
            | a.example shop-web-1 routed
        "#]],
    );
    check(
        "
        shop/web ports=80,443
          sh0.host=a.example
          sh0.scheme=h2c
        ",
        expect![[r#"
            a.example [public] shop/web:default -> h2c 10.0.0.1:80
            | a.example shop-web-1 routed
        "#]],
    );
}

#[test]
fn a_range_without_80_says_that_the_port_is_not_known() {
    check(
        "
        shop/web ports=8000,8001,8002
          sh0.host=a.example
        ",
        expect![[r#"
            | - shop-web-1 refused: the container's port is not known: it exposes 8000, 8001, 8002
            ! E002 shop-web-1 (c1): the container's port is not known: it exposes 8000, 8001, 8002; add `sh0.port=8000`, with the port the app listens on
        "#]],
    );
}

#[test]
fn without_an_exposed_port_the_label_is_needed() {
    check(
        "
        shop/web ports=none
          sh0.host=a.example
        ",
        expect![[r#"
            | - shop-web-1 refused: the container's port is not known: it exposes none
            ! E002 shop-web-1 (c1): the container's port is not known: it exposes none; add `sh0.port=8080`, with the port the app listens on
        "#]],
    );
    check(
        "
        shop/web ports=none
          sh0.host=a.example
          sh0.port=3000
        ",
        expect![[r#"
            a.example [public] shop/web:default -> http 10.0.0.1:3000
            | a.example shop-web-1 routed
        "#]],
    );
}

#[test]
fn a_label_wins_over_exposed_ports() {
    check(
        "
        shop/web ports=80
          sh0.host=a.example
          sh0.port=3000
        ",
        expect![[r#"
            a.example [public] shop/web:default -> http 10.0.0.1:3000
            | a.example shop-web-1 routed
        "#]],
    );
}

#[test]
fn routes_of_one_container_have_ports_of_their_own() {
    check(
        "
        shop/web ports=80,9000
          sh0.host=a.example
          sh0.routes.admin.path=/admin
          sh0.routes.admin.port=9000
        ",
        expect![[r#"
            a.example/admin [public] shop/web:admin -> http 10.0.0.1:9000
            a.example [public] shop/web:default -> http 10.0.0.1:80
            | a.example shop-web-1 routed
            | a.example/admin shop-web-1 routed
        "#]],
    );
    check(
        "
        shop/web ports=3000,9000
          sh0.host=a.example
          sh0.port=3000
          sh0.routes.admin.path=/admin
        ",
        expect![[r#"
            a.example [public] shop/web:default -> http 10.0.0.1:3000
            | a.example shop-web-1 routed
            ! E002 shop-web-1 (c1): the container's port is not known: it exposes 3000, 9000; add `sh0.routes.admin.port=3000`, with the port the app listens on
        "#]],
    );
}

#[test]
fn a_missing_port_is_said_while_the_healthcheck_still_runs() {
    check(
        "
        shop/web ports=none health=starting
          sh0.host=a.example
        ",
        expect![[r#"
            | - shop-web-1 refused: the container's port is not known: it exposes none
            ! E002 shop-web-1 (c1): the container's port is not known: it exposes none; add `sh0.port=8080`, with the port the app listens on
        "#]],
    );
}

#[test]
fn a_stopped_container_exposes_nothing_and_is_not_blamed_for_it() {
    check(
        "
        shop/web ports=none state=exited ip=none
          sh0.host=a.example
        ",
        expect![[r#"
            a.example [public] shop/web:default -> http 503
            | a.example shop-web-1 waiting: the container has exited
        "#]],
    );
}

#[test]
fn a_form_whose_port_no_running_container_has_shown_yet_is_not_a_good_one() {
    check(
        "
        shop/web ports=none state=created ip=none
          sh0.host=a.example
        == later 1s
        shop/web ports=8080,9999
          sh0.host=a.example
        ",
        expect![[r#"
            a.example [public] shop/web:default -> http 503
            | a.example shop-web-1 waiting: the container was not started
            == later 1s
            | - shop-web-1 refused: the container's port is not known: it exposes 8080, 9999
            ! E002 shop-web-1 (c1): the container's port is not known: it exposes 8080, 9999; add `sh0.port=8080`, with the port the app listens on
        "#]],
    );
    check(
        "
        shop/web ports=none state=created ip=none mode=host
          sh0.host=a.example
          sh0.port=80
        == later 1s
        shop/web ports=none ip=none mode=host
          sh0.host=a.example
          sh0.port=80
        ",
        expect![[r#"
            | - shop-web-1 refused: the container uses the host's network, and port 80 there is Caddy's own: requests would come back to it for ever
            ! E012 shop-web-1 (c1): the container uses the host's network, and port 80 there is Caddy's own: requests would come back to it for ever; write the port that the app itself listens on
            == later 1s
            | - shop-web-1 refused: the container uses the host's network, and port 80 there is Caddy's own: requests would come back to it for ever
            ! E012 shop-web-1 (c1): the container uses the host's network, and port 80 there is Caddy's own: requests would come back to it for ever; write the port that the app itself listens on
        "#]],
    );
}

#[test]
fn each_replica_has_its_own_port() {
    check(
        "
        shop/web n=1 ports=8001
          sh0.host=a.example
        shop/web n=2 ports=8002
          sh0.host=a.example
        ",
        expect![[r#"
            a.example [public] shop/web:default -> http 10.0.0.1:8001 10.0.0.2:8002
            | a.example shop-web-1 routed
            | a.example shop-web-2 routed
        "#]],
    );
    check(
        "
        shop/web n=1 ports=none
          sh0.host=a.example
        shop/web n=2 ports=none
          sh0.host=a.example
          sh0.port=3000
        ",
        expect![[r#"
            a.example [public] shop/web:default -> http 10.0.0.2:3000
            | a.example shop-web-1 refused: the port is not known
            | a.example shop-web-2 routed
        "#]],
    );
}
