//! Who may serve a host.

use expect_test::expect;

use super::check;

#[test]
fn a_newcomer_from_another_project_is_refused() {
    check(
        "
        shop/web created=5
          sh0.host=a.example
        == later 1s
        shop/web created=5
          sh0.host=a.example
        evil/web created=1
          sh0.host=a.example, b.example
        ",
        expect![[r#"
            a.example [public] shop/web:default -> http 10.0.0.1:80
            | a.example shop-web-1 routed
            == later 1s
            a.example [public] shop/web:default -> http 10.0.0.1:80
            b.example [public] evil/web:default -> http 10.0.0.2:80
            | a.example evil-web-1 refused: the host `a.example` belongs to project `shop`
            | a.example shop-web-1 routed
            | b.example evil-web-1 routed
            ! E004 evil-web-1 (c2): the host `a.example` belongs to project `shop`; choose another host, or let project `shop` add `sh0.share=evil` to serve a path of it
        "#]],
    );
}

#[test]
fn a_path_under_anothers_host_is_refused_too() {
    check(
        "
        shop/web created=5
          sh0.host=a.example
        == later 1s
        shop/web created=5
          sh0.host=a.example
        evil/web created=1
          sh0.host=a.example
          sh0.path=/login
        ",
        expect![[r#"
            a.example [public] shop/web:default -> http 10.0.0.1:80
            | a.example shop-web-1 routed
            == later 1s
            a.example [public] shop/web:default -> http 10.0.0.1:80
            | a.example shop-web-1 routed
            | a.example/login evil-web-1 refused: the host `a.example` belongs to project `shop`
            ! E004 evil-web-1 (c2): the host `a.example` belongs to project `shop`; choose another host, or let project `shop` add `sh0.share=evil` to serve a path of it
        "#]],
    );
}

#[test]
fn first_seen_together_the_older_owns_but_a_whole_site_before_a_path() {
    check(
        "
        b/web created=1
          sh0.host=a.example
        a/web created=2
          sh0.host=a.example
        ",
        expect![[r#"
            a.example [public] b/web:default -> http 10.0.0.1:80
            | a.example a-web-1 refused: the host `a.example` belongs to project `b`
            | a.example b-web-1 routed
            ! E004 a-web-1 (c2): the host `a.example` belongs to project `b`; choose another host, or let project `b` add `sh0.share=a` to serve a path of it
        "#]],
    );
    check(
        "
        b/web created=1
          sh0.host=a.example
          sh0.path=/b
        a/web created=2
          sh0.host=a.example
        ",
        expect![[r#"
            a.example [public] a/web:default -> http 10.0.0.2:80
            | a.example a-web-1 routed
            | a.example/b b-web-1 refused: the host `a.example` belongs to project `a`
            ! E004 b-web-1 (c1): the host `a.example` belongs to project `a`; choose another host, or let project `a` add `sh0.share=b` to serve a path of it
        "#]],
    );
}

#[test]
fn share_lets_a_project_add_paths_and_only_paths() {
    check(
        "
        shop/web
          sh0.host=a.example
          sh0.share=blog, docs
        blog/web
          sh0.host=a.example
          sh0.path=/blog
        docs/web
          sh0.host=a.example
        other/web
          sh0.host=a.example
          sh0.path=/other
        ",
        expect![[r#"
            a.example/blog [public] blog/web:default -> http 10.0.0.2:80
            a.example [public] shop/web:default -> http 10.0.0.1:80
            | a.example docs-web-1 refused: the host `a.example` belongs to project `shop`
            | a.example shop-web-1 routed
            | a.example/blog blog-web-1 routed
            | a.example/other other-web-1 refused: the host `a.example` belongs to project `shop`
            ! E004 docs-web-1 (c3): the host `a.example` belongs to project `shop`; it shares paths of the host only, without `path.regexp` and `priority`: add for example `sh0.path=/api`
            ! E004 other-web-1 (c4): the host `a.example` belongs to project `shop`; choose another host, or let project `shop` add `sh0.share=other` to serve a path of it
        "#]],
    );
}

#[test]
fn a_shared_path_never_takes_the_owners_own() {
    check(
        "
        shop/web
          sh0.host=a.example
          sh0.path=/blog
          sh0.share=blog
        blog/web
          sh0.host=a.example
          sh0.path=/blog
        ",
        expect![[r#"
            a.example/blog [public] shop/web:default -> http 10.0.0.1:80
            | a.example/blog blog-web-1 refused: `a.example/blog` is served by the route `shop/web:default` already
            | a.example/blog shop-web-1 routed
            ! E005 blog-web-1 (c2): `a.example/blog` is served by the route `shop/web:default` already; give one of the two another host or path
        "#]],
    );
}

#[test]
fn the_owners_redeploy_gap_changes_nothing() {
    check(
        "
        shop/web id=old
          sh0.host=a.example
          sh0.share=blog
        blog/web
          sh0.host=a.example
          sh0.path=/blog
        == later 5s
        blog/web
          sh0.host=a.example
          sh0.path=/blog
        evil/web
          sh0.host=a.example
        == later 300s
        shop/web id=new
          sh0.host=a.example
        evil/web
          sh0.host=a.example
        ",
        expect![[r#"
            a.example/blog [public] blog/web:default -> http 10.0.0.2:80
            a.example [public] shop/web:default -> http 10.0.0.1:80
            | a.example shop-web-1 routed
            | a.example/blog blog-web-1 routed
            == later 5s
            a.example/blog [public] blog/web:default -> http 10.0.0.1:80
            | a.example evil-web-1 refused: the host `a.example` belongs to project `shop` (it is not served now; the claim ends ten minutes after its owner's last container)
            | a.example/blog blog-web-1 routed
            ! E004 evil-web-1 (c2): the host `a.example` belongs to project `shop` (it is not served now; the claim ends ten minutes after its owner's last container); choose another host, or let project `shop` add `sh0.share=evil` to serve a path of it
            == later 300s
            a.example [public] shop/web:default -> http 10.0.0.1:80
            | a.example evil-web-1 refused: the host `a.example` belongs to project `shop`
            | a.example shop-web-1 routed
            ! E004 evil-web-1 (c2): the host `a.example` belongs to project `shop`; choose another host, or let project `shop` add `sh0.share=evil` to serve a path of it
        "#]],
    );
}

#[test]
fn a_claim_ends_ten_minutes_after_its_last_container() {
    check(
        "
        shop/web
          sh0.host=a.example
        == later 5s
        evil/web
          sh0.host=a.example
        == later 599s
        == later 1s
        ",
        expect![[r#"
            a.example [public] shop/web:default -> http 10.0.0.1:80
            | a.example shop-web-1 routed
            == later 5s
            | a.example evil-web-1 refused: the host `a.example` belongs to project `shop` (it is not served now; the claim ends ten minutes after its owner's last container)
            ! E004 evil-web-1 (c1): the host `a.example` belongs to project `shop` (it is not served now; the claim ends ten minutes after its owner's last container); choose another host, or let project `shop` add `sh0.share=evil` to serve a path of it
            == later 599s
            | a.example evil-web-1 refused: the host `a.example` belongs to project `shop` (it is not served now; the claim ends ten minutes after its owner's last container)
            ! E004 evil-web-1 (c1): the host `a.example` belongs to project `shop` (it is not served now; the claim ends ten minutes after its owner's last container); choose another host, or let project `shop` add `sh0.share=evil` to serve a path of it
            == later 1s
            a.example [public] evil/web:default -> http 10.0.0.1:80
            | a.example evil-web-1 routed
        "#]],
    );
}

#[test]
fn a_restart_keeps_claims() {
    check(
        "
        shop/web created=9
          sh0.host=a.example
        == restart
        shop/web created=9
          sh0.host=a.example
        evil/web created=1
          sh0.host=a.example
        ",
        expect![[r#"
            a.example [public] shop/web:default -> http 10.0.0.1:80
            | a.example shop-web-1 routed
            == restart
            a.example [public] shop/web:default -> http 10.0.0.1:80
            | a.example evil-web-1 refused: the host `a.example` belongs to project `shop`
            | a.example shop-web-1 routed
            ! E004 evil-web-1 (c2): the host `a.example` belongs to project `shop`; choose another host, or let project `shop` add `sh0.share=evil` to serve a path of it
        "#]],
    );
    check(
        "
        shop/web created=9
          sh0.host=a.example
        == later 5s
        nobody
        == restart
        evil/web created=1
          sh0.host=a.example
        ",
        expect![[r#"
            a.example [public] shop/web:default -> http 10.0.0.1:80
            | a.example shop-web-1 routed
            == later 5s
            == restart
            | a.example evil-web-1 refused: the host `a.example` belongs to project `shop` (it is not served now; the claim ends ten minutes after its owner's last container)
            ! E004 evil-web-1 (c1): the host `a.example` belongs to project `shop` (it is not served now; the claim ends ten minutes after its owner's last container); choose another host, or let project `shop` add `sh0.share=evil` to serve a path of it
        "#]],
    );
}

#[test]
fn a_container_outside_any_project_keeps_its_host_when_it_is_renamed() {
    check(
        "
        web id=w
          sh0.host=a.example
        == later 1s
        web2 id=w
          sh0.host=a.example
        == later 1s
        web id=thief
          sh0.host=a.example
        web2 id=w
          sh0.host=a.example
        ",
        expect![[r#"
            a.example [public] web:default -> http 10.0.0.1:80
            | a.example web routed
            == later 1s
            a.example [public] web2:default -> http 10.0.0.1:80
            | a.example web2 routed
            == later 1s
            a.example [public] web2:default -> http 10.0.0.2:80
            | a.example web refused: the host `a.example` belongs to app `web2`
            | a.example web2 routed
            ! E004 web (thief): the host `a.example` belongs to app `web2`; choose another host, or let app `web2` add `sh0.share=web` to serve a path of it
        "#]],
    );
}

#[test]
fn another_container_outside_any_project_is_another_owner() {
    check(
        "
        web
          sh0.host=a.example
        api
          sh0.host=a.example
          sh0.path=/api
        ",
        expect![[r#"
            a.example [public] web:default -> http 10.0.0.1:80
            | a.example web routed
            | a.example/api api refused: the host `a.example` belongs to app `web`
            ! E004 api (c2): the host `a.example` belongs to app `web`; choose another host, or let app `web` add `sh0.share=api` to serve a path of it
        "#]],
    );
    check(
        "
        web
          sh0.host=a.example
          sh0.share=api
        api
          sh0.host=a.example
          sh0.path=/api
        ",
        expect![[r#"
            a.example/api [public] api:default -> http 10.0.0.2:80
            a.example [public] web:default -> http 10.0.0.1:80
            | a.example web routed
            | a.example/api api routed
        "#]],
    );
}

#[test]
fn two_apps_of_one_project_share_a_host_by_path() {
    check(
        "
        shop/web
          sh0.host=a.example
        shop/api
          sh0.host=a.example
          sh0.path=/api
        ",
        expect![[r#"
            a.example/api [public] shop/api:default -> http 10.0.0.2:80
            a.example [public] shop/web:default -> http 10.0.0.1:80
            | a.example shop-web-1 routed
            | a.example/api shop-api-1 routed
        "#]],
    );
}

#[test]
fn only_the_host_that_is_taken_is_lost() {
    check(
        "
        shop/web
          sh0.host=a.example
        blog/web
          sh0.host=a.example, b.example
          sh0.path=/x, /y
        ",
        expect![[r#"
            a.example [public] shop/web:default -> http 10.0.0.1:80
            b.example/x [public] blog/web:default -> http 10.0.0.2:80
            b.example/y [public] blog/web:default -> http 10.0.0.2:80
            | a.example shop-web-1 routed
            | a.example/x blog-web-1 refused: the host `a.example` belongs to project `shop`
            | a.example/y blog-web-1 refused: the host `a.example` belongs to project `shop`
            | b.example/x blog-web-1 routed
            | b.example/y blog-web-1 routed
            ! E004 blog-web-1 (c2): the host `a.example` belongs to project `shop`; choose another host, or let project `shop` add `sh0.share=blog` to serve a path of it
        "#]],
    );
}

#[test]
fn the_owner_of_a_wildcard_does_not_own_every_name_below_it() {
    check(
        "
        shop/web
          sh0.host=*.a.example
          sh0.tls=internal
        blog/web
          sh0.host=x.a.example
        ",
        expect![[r#"
            x.a.example [public] blog/web:default -> http 10.0.0.2:80
            *.a.example [internal] shop/web:default -> http 10.0.0.1:80
            | *.a.example shop-web-1 routed
            | x.a.example blog-web-1 routed
        "#]],
    );
}
