//! Which address requests go to.

use expect_test::expect;

use super::check;

#[test]
fn a_container_off_the_network_is_named_with_the_networks_that_it_is_on() {
    check(
        "
        shop/web nets=shop_default,other
          sh0.host=a.example
        ",
        expect![[r#"
            a.example [public] shop/web:default -> http 503
            | a.example shop-web-1 refused: it is not attached to the network `sh0-net`
            ! E003 shop-web-1 (c1): it is not on the routing network `sh0-net`; it is on `other`, `shop_default`; add `networks: [sh0-net]` to the service, or type `docker network connect sh0-net shop-web-1`
        "#]],
    );
    check(
        "
        shop/web nets=none
          sh0.host=a.example
        ",
        expect![[r#"
            a.example [public] shop/web:default -> http 503
            | a.example shop-web-1 refused: it is not attached to the network `sh0-net`
            ! E003 shop-web-1 (c1): it is not on the routing network `sh0-net`; it is on no network; add `networks: [sh0-net]` to the service, or type `docker network connect sh0-net shop-web-1`
        "#]],
    );
}

/// Docker lets networks have any name, and containers be on any number of them.
#[test]
fn names_of_networks_are_escaped_and_some_are_enough() {
    check(
        "
        shop/web nets=a\u{1b}[2J,b,c,d,e,f,g
          sh0.host=a.example
        ",
        expect![[r#"
            a.example [public] shop/web:default -> http 503
            | a.example shop-web-1 refused: it is not attached to the network `sh0-net`
            ! E003 shop-web-1 (c1): it is not on the routing network `sh0-net`; it is on `a\u{1b}[2J`, `b`, `c`, `d`, `e`, 2 more; add `networks: [sh0-net]` to the service, or type `docker network connect sh0-net shop-web-1`
        "#]],
    );
}

#[test]
fn a_network_of_the_project_is_answered_with_the_two_compose_lines() {
    check(
        "
        shop/web nets=shop_sh0-net
          sh0.host=a.example
        ",
        expect![[r#"
            a.example [public] shop/web:default -> http 503
            | a.example shop-web-1 refused: it is not attached to the network `sh0-net`
            ! E003 shop-web-1 (c1): it is not on the routing network `sh0-net`; it is on `shop_sh0-net`; compose made a network of the project; write these two lines for it in the compose file: `networks:` and below it `  sh0-net: {external: true}`
        "#]],
    );
}

#[test]
fn being_off_the_network_does_not_hide_behind_a_healthcheck() {
    check(
        "
        shop/web nets=shop_default health=starting
          sh0.host=a.example
        ",
        expect![[r#"
            a.example [public] shop/web:default -> http 503
            | a.example shop-web-1 refused: it is not attached to the network `sh0-net`
            ! E003 shop-web-1 (c1): it is not on the routing network `sh0-net`; it is on `shop_default`; add `networks: [sh0-net]` to the service, or type `docker network connect sh0-net shop-web-1`
        "#]],
    );
}

#[test]
fn a_label_names_another_network() {
    check(
        "
        shop/web nets=backend ip=10.9.0.2
          sh0.host=a.example
          sh0.network=backend
        ",
        expect![[r#"
            a.example [public] shop/web:default -> http 10.9.0.2:80
            | a.example shop-web-1 routed
        "#]],
    );
}

#[test]
fn without_an_address_yet_it_waits() {
    check(
        "
        shop/web ip=none
          sh0.host=a.example
        ",
        expect![[r#"
            a.example [public] shop/web:default -> http 503
            | a.example shop-web-1 waiting: it has no address on the network `sh0-net` yet
        "#]],
    );
}

#[test]
fn ipv6_is_used_where_there_is_no_ipv4() {
    check(
        "
        shop/web ip=fd00::2
          sh0.host=a.example
        ",
        expect![[r#"
            a.example [public] shop/web:default -> http [fd00::2]:80
            | a.example shop-web-1 routed
        "#]],
    );
}

#[test]
fn the_host_network_is_the_loopback_and_needs_a_port() {
    check(
        "
        shop/web mode=host nets=none ports=80
          sh0.host=a.example
        ",
        expect![[r#"
            | - shop-web-1 refused: the container's port is not known: it uses the host's network
            ! E002 shop-web-1 (c1): the container's port is not known: it uses the host's network; add `sh0.port=8080`, with the port the app listens on
        "#]],
    );
    check(
        "
        shop/web mode=host nets=none ports=80
          sh0.host=a.example
          sh0.port=8080
        ",
        expect![[r#"
            a.example [public] shop/web:default -> http 127.0.0.1:8080
            | a.example shop-web-1 routed
        "#]],
    );
}

/// It would send requests back to Caddy for ever. Neither replica nor borrowed network is a way.
#[test]
fn a_port_of_caddys_own_on_the_host_network_is_refused() {
    check(
        "
        shop/web mode=host nets=none ports=none n=1 created=2
          sh0.host=a.example
          sh0.port=8080
        shop/web mode=host nets=none ports=none n=2 created=1
          sh0.host=a.example
          sh0.port=443
        blog/web mode=host nets=none ports=none
          sh0.host=b.example
          sh0.port=80
        blog/far
          sh0.host=c.example
          sh0.port=443
        docs/web id=d mode=host nets=none ports=none
        docs/in mode=container:d ports=80
          sh0.host=d.example
        ",
        expect![[r#"
            a.example [public] shop/web:default -> http 127.0.0.1:8080
            c.example [public] blog/far:default -> http 10.0.0.4:443
            | - blog-web-1 refused: the container uses the host's network, and port 80 there is Caddy's own: requests would come back to it for ever
            | - docs-in-1 refused: the container uses the host's network, and port 80 there is Caddy's own: requests would come back to it for ever
            | a.example shop-web-1 routed
            | a.example shop-web-2 refused: port 443 of the host's network is Caddy's own
            | c.example blog-far-1 routed
            ! E012 blog-web-1 (c3): the container uses the host's network, and port 80 there is Caddy's own: requests would come back to it for ever; write the port that the app itself listens on
            ! E012 docs-in-1 (c6): the container uses the host's network, and port 80 there is Caddy's own: requests would come back to it for ever; write the port that the app itself listens on
        "#]],
    );
}

#[test]
fn a_borrowed_network_is_that_of_the_lender() {
    check(
        "
        shop/vpn id=v ip=10.0.0.9 ports=none
        shop/web mode=container:v nets=none ports=3000
          sh0.host=a.example
        ",
        expect![[r#"
            a.example [public] shop/web:default -> http 10.0.0.9:3000
            | a.example shop-web-1 routed
        "#]],
    );
    check(
        "
        shop/vpn id=v mode=host nets=none
        shop/mid id=m mode=container:v nets=none
        shop/web mode=container:m nets=none
          sh0.host=a.example
          sh0.port=3000
        ",
        expect![[r#"
            a.example [public] shop/web:default -> http 127.0.0.1:3000
            | a.example shop-web-1 routed
        "#]],
    );
}

#[test]
fn a_lender_that_is_gone_or_lent_in_a_circle_is_said() {
    check(
        "
        shop/web mode=container:gone nets=none
          sh0.host=a.example
        shop/api id=x mode=container:y nets=none
          sh0.host=b.example
        shop/mid id=y mode=container:x nets=none
        ",
        expect![[r#"
            a.example [public] shop/web:default -> http 503
            b.example [public] shop/api:default -> http 503
            | a.example shop-web-1 refused: the container whose network it uses is not there
            | b.example shop-api-1 refused: the container whose network it uses is not there
            ! E003 shop-api-1 (x): the container whose network it uses is not there; create this container anew, after that one
            ! E003 shop-web-1 (c1): the container whose network it uses is not there; create this container anew, after that one
        "#]],
    );
    check(
        "
        shop/vpn id=v nets=shop_default
        shop/web mode=container:v nets=none
          sh0.host=a.example
        ",
        expect![[r#"
            a.example [public] shop/web:default -> http 503
            | a.example shop-web-1 refused: it is not attached to the network `sh0-net`
            ! E003 shop-web-1 (c2): `shop-vpn-1`, whose network it uses, is not on the routing network `sh0-net`; it is on `shop_default`; add `networks: [sh0-net]` to the service, or type `docker network connect sh0-net shop-vpn-1`
        "#]],
    );
}
