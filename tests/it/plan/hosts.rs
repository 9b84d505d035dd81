//! What holds for a host: client certificates, HSTS, redirects, and who decides them.

use expect_test::expect;

use super::check;

#[test]
fn the_default_route_says_everything_about_its_hosts() {
    check(
        "
        == authority partners.pem
        shop/web
          sh0.host=a.example
          sh0.tls.min=1.3
          sh0.tls.client_ca=partners.pem
          sh0.hsts=true
          sh0.redirect.from=www.a.example, a.internal
          sh0.routes.api.path=/api
        shop/both
          sh0.host=b.example
          sh0.redirect.https=no
          sh0.hsts=max-age=60; preload; includeSubDomains
          sh0.redirect.from=www.b.example
        shop/plain
          sh0.host=c.example
          sh0.tls=off
          sh0.redirect.from=www.c.example
        shop/late
          sh0.host=d.example, *.d.example
          sh0.tls=on_demand
        ",
        expect![[r#"
            == authority partners.pem
            a.example/api [public min=1.3 client_ca=partners.pem hsts="max-age=31536000"] shop/web:api -> http 10.0.0.1:80
            a.example [public min=1.3 client_ca=partners.pem hsts="max-age=31536000"] shop/web:default -> http 10.0.0.1:80
            b.example [public hsts="max-age=60; includeSubDomains; preload" http] shop/both:default -> http 10.0.0.2:80
            c.example [off] shop/plain:default -> http 10.0.0.3:80
            d.example [ondemand] shop/late:default -> http 10.0.0.4:80
            *.d.example [ondemand] shop/late:default -> http 10.0.0.4:80
            a.internal [internal min=1.3 hsts="max-age=31536000"] -> a.example
            www.a.example [public min=1.3 hsts="max-age=31536000"] -> a.example
            www.b.example [public hsts="max-age=60; includeSubDomains; preload" http] -> b.example
            www.c.example [off] -> c.example
            | *.d.example shop-late-1 routed
            | a.example shop-web-1 routed
            | a.example/api shop-web-1 routed
            | b.example shop-both-1 routed
            | c.example shop-plain-1 routed
            | d.example shop-late-1 routed
        "#]],
    );
}

#[test]
fn another_value_elsewhere_answers_503() {
    check(
        "
        shop/web
          sh0.host=a.example
          sh0.hsts=true
          sh0.routes.a.path=/a
          sh0.routes.a.hsts=false
          sh0.routes.b.path=/b
          sh0.routes.b.redirect.https=false
          sh0.routes.c.path=/c
          sh0.routes.c.tls.min=1.3
          sh0.routes.d.path=/d
          sh0.routes.d.tls.client_ca=x.pem
          sh0.routes.e.path=/e
          sh0.routes.e.hsts=max-age=31536000
          sh0.routes.e.tls.min=1.2
        ",
        expect![[r#"
            a.example/a [public hsts="max-age=31536000"] shop/web:a -> http 503 closed
            a.example/b [public hsts="max-age=31536000"] shop/web:b -> http 503 closed
            a.example/c [public hsts="max-age=31536000"] shop/web:c -> http 503 closed
            a.example/d [public hsts="max-age=31536000"] shop/web:d -> http 503 closed
            a.example/e [public hsts="max-age=31536000"] shop/web:e -> http 10.0.0.1:80
            a.example [public hsts="max-age=31536000"] shop/web:default -> http 10.0.0.1:80
            | a.example shop-web-1 routed
            | a.example/a shop-web-1 refused: the route `a` asks for `hsts=false`, but `shop/web:default` decides `hsts=max-age=31536000` for the host `a.example`; the route answers 503
            | a.example/b shop-web-1 refused: the route `b` asks for `redirect.https=false`, but `shop/web:default` decides `redirect.https=true` for the host `a.example`; the route answers 503
            | a.example/c shop-web-1 refused: the route `c` asks for `tls.min=1.3`, but `shop/web:default` decides `tls.min=1.2` for the host `a.example`; the route answers 503
            | a.example/d shop-web-1 refused: the route `d` asks for `tls.client_ca=x.pem`, but `shop/web:default` decides `tls.client_ca=none` for the host `a.example`; the route answers 503
            | a.example/e shop-web-1 routed
            ! E009 shop-web-1 (c1): the route `a` asks for `hsts=false`, but `shop/web:default` decides `hsts=max-age=31536000` for the host `a.example`; the route answers 503; remove the label, or write `sh0.hsts=false` at the host's default route
            ! E009 shop-web-1 (c1): the route `b` asks for `redirect.https=false`, but `shop/web:default` decides `redirect.https=true` for the host `a.example`; the route answers 503; remove the label, or write `sh0.redirect.https=false` at the host's default route
            ! E009 shop-web-1 (c1): the route `c` asks for `tls.min=1.3`, but `shop/web:default` decides `tls.min=1.2` for the host `a.example`; the route answers 503; remove the label, or write `sh0.tls.min=1.3` at the host's default route
            ! E009 shop-web-1 (c1): the route `d` asks for `tls.client_ca=x.pem`, but `shop/web:default` decides `tls.client_ca=none` for the host `a.example`; the route answers 503; remove the label, or write `sh0.tls.client_ca=x.pem` at the host's default route
        "#]],
    );
}

#[test]
fn a_host_that_cannot_ask_for_certificates_answers_503() {
    check(
        "
        == authority partners.pem
        p0/web
          sh0.host=a.example
          sh0.tls.client_ca=nobody.pem
          sh0.routes.api.path=/api
        p1/web
          sh0.host=b.example
          sh0.tls.client_ca=../ca.pem
          sh0.routes.api.path=/api
        p2/web
          sh0.host=c.example
          sh0.tls=off
          sh0.tls.client_ca=partners.pem
        p3/web
          sh0.host=d.example
          sh0.redirect.https=false
          sh0.tls.client_ca=partners.pem
        p4/web
          sh0.host=10.1.2.3
          sh0.tls.client_ca=partners.pem
        ",
        expect![[r#"
            == authority partners.pem
            10.1.2.3 [internal] p4/web:default -> http 503 closed
            a.example/api [public] p0/web:api -> http 503 closed
            a.example [public] p0/web:default -> http 503 closed
            b.example/api [public] p1/web:api -> http 503 closed
            b.example [public] p1/web:default -> http 503 closed
            c.example [off] p2/web:default -> http 503 closed
            d.example [public http] p3/web:default -> http 503 closed
            | 10.1.2.3 p4-web-1 refused: clients of `10.1.2.3` must show a certificate, but a handshake names neither `*` nor an address, by which it would be asked; the host answers 503
            | a.example p0-web-1 refused: clients of `a.example` must show a certificate, but the authority's file `nobody.pem` is not there, or not usable; the host answers 503
            | a.example/api p0-web-1 refused: clients of `a.example` must show a certificate, but the authority's file `nobody.pem` is not there, or not usable; the host answers 503
            | b.example p1-web-1 refused: clients of `b.example` must show a certificate, but the label that names their authority is wrong; the host answers 503
            | b.example/api p1-web-1 refused: clients of `b.example` must show a certificate, but the label that names their authority is wrong; the host answers 503
            | c.example p2-web-1 refused: clients of `c.example` must show a certificate, but without TLS (`tls=off`) they cannot; the host answers 503
            | d.example p3-web-1 refused: clients of `d.example` must show a certificate, but over plain HTTP (`redirect.https=false`) they cannot; the host answers 503
            ! E014 p0-web-1 (c1): clients of `a.example` must show a certificate, but the authority's file `nobody.pem` is not there, or not usable; the host answers 503; put `nobody.pem`, certificates in PEM, into the agent's `--certificates` directory
            ! E001 p1-web-1 (c2): `sh0.tls.client_ca` takes the name of a file such as `partners.pem`, found a path; the file lies in the certificate directory [sh0.tls.client_ca="../ca.pem"]; write for example `sh0.tls.client_ca=partners.pem`
            ! E014 p1-web-1 (c2): clients of `b.example` must show a certificate, but the label that names their authority is wrong; the host answers 503; write for example `sh0.tls.client_ca=partners.pem`
            ! E014 p2-web-1 (c3): clients of `c.example` must show a certificate, but without TLS (`tls=off`) they cannot; the host answers 503; remove `tls=off` or `tls.client_ca`
            ! E014 p3-web-1 (c4): clients of `d.example` must show a certificate, but over plain HTTP (`redirect.https=false`) they cannot; the host answers 503; remove `redirect.https=false` or `tls.client_ca`
            ! E014 p4-web-1 (c5): clients of `10.1.2.3` must show a certificate, but a handshake names neither `*` nor an address, by which it would be asked; the host answers 503; name the hosts, or remove `tls.client_ca`
        "#]],
    );
}

#[test]
fn a_default_route_that_is_wrong_elsewhere_still_protects_its_hosts() {
    check(
        "
        == authority partners.pem
        shop/web
          sh0.host=a.example
          sh0.tls.client_ca=partners.pem
          sh0.port=x
          sh0.routes.api.path=/api
          sh0.routes.api.port=80
        shop/docs
          sh0.host=a.example
          sh0.path=/docs
        ",
        expect![[r#"
            == authority partners.pem
            a.example/docs [public client_ca=partners.pem] shop/docs:default -> http 10.0.0.2:80
            a.example/api [public client_ca=partners.pem] shop/web:api -> http 10.0.0.1:80
            | a.example/api shop-web-1 routed
            | a.example/docs shop-docs-1 routed
            ! E001 shop-web-1 (c1): `sh0.port` takes a number from 1 to 65535, found `x`, which is not a number [sh0.port="x"]; write for example `sh0.port=8080`
        "#]],
    );
}

#[test]
fn what_the_owner_decided_stays_while_it_is_away() {
    check(
        "
        == authority partners.pem
        shop/web
          sh0.host=a.example
          sh0.tls=internal
          sh0.tls.client_ca=partners.pem
          sh0.share=blog
        blog/web
          sh0.host=a.example
          sh0.path=/blog
        == restart
        blog/web id=c2
          sh0.host=a.example
          sh0.path=/blog
          sh0.hsts=true
        ",
        expect![[r#"
            == authority partners.pem
            a.example/blog [internal client_ca=partners.pem] blog/web:default -> http 10.0.0.2:80
            a.example [internal client_ca=partners.pem] shop/web:default -> http 10.0.0.1:80
            | a.example shop-web-1 routed
            | a.example/blog blog-web-1 routed
            == restart
            a.example/blog [internal client_ca=partners.pem] blog/web:default -> http 503 closed
            | a.example/blog blog-web-1 refused: the route `default` asks for `hsts=max-age=31536000`, but project `shop` decides `hsts=false` for the host `a.example`; the route answers 503
            ! E009 blog-web-1 (c2): the route `default` asks for `hsts=max-age=31536000`, but project `shop` decides `hsts=false` for the host `a.example`; the route answers 503; remove the label, or write `sh0.hsts=max-age=31536000` at the host's default route
        "#]],
    );
}

#[test]
fn a_redirect_is_claimed_as_a_host_is() {
    check(
        "
        shop/web created=1
          sh0.host=a.example, *.a.example
          sh0.tls=internal
          sh0.redirect.from=www.a.example, old.a.example
        shop/two created=2
          sh0.host=b.example
          sh0.redirect.from=www.a.example, old.b.example
        shop/old created=3
          sh0.host=old.b.example
        blog/web created=4
          sh0.host=old.a.example
        blog/two created=5
          sh0.host=blog.example
          sh0.redirect.from=b.example, www.a.example
        == later 1s
        blog/web created=4 id=c4
          sh0.host=www.a.example
        == later 700s
        ",
        expect![[r#"
            a.example [internal] shop/web:default -> http 10.0.0.1:80
            b.example [public] shop/two:default -> http 10.0.0.2:80
            blog.example [public] blog/two:default -> http 10.0.0.5:80
            old.b.example [public] shop/old:default -> http 10.0.0.3:80
            *.a.example [internal] shop/web:default -> http 10.0.0.1:80
            old.a.example [internal] -> a.example
            www.a.example [public] -> b.example
            | *.a.example shop-web-1 routed
            | a.example shop-web-1 routed
            | b.example shop-two-1 routed
            | blog.example blog-two-1 routed
            | old.a.example blog-web-1 refused: the host `old.a.example` belongs to project `shop`
            | old.b.example shop-old-1 routed
            ! E004 blog-two-1 (c5): the host `b.example` belongs to project `shop`; choose another host, or let project `shop` add `sh0.share=blog` to serve a path of it
            ! E004 blog-two-1 (c5): the host `www.a.example` belongs to project `shop`; choose another host, or let project `shop` add `sh0.share=blog` to serve a path of it
            ! E004 blog-web-1 (c4): the host `old.a.example` belongs to project `shop`; choose another host, or let project `shop` add `sh0.share=blog` to serve a path of it
            ! E005 shop-two-1 (c2): `old.b.example` is not redirected for the route `shop/two:default`: it is served or redirected by another route already; remove it from one of the two
            ! E005 shop-web-1 (c1): `www.a.example` is not redirected for the route `shop/web:default`: it is served or redirected by another route already; remove it from one of the two
            == later 1s
            | www.a.example blog-web-1 refused: the host `www.a.example` belongs to project `shop` (it is not served now; the claim ends ten minutes after its owner's last container)
            ! E004 blog-web-1 (c4): the host `www.a.example` belongs to project `shop` (it is not served now; the claim ends ten minutes after its owner's last container); choose another host, or let project `shop` add `sh0.share=blog` to serve a path of it
            == later 700s
            www.a.example [public] blog/web:default -> http 10.0.0.1:80
            | www.a.example blog-web-1 routed
        "#]],
    );
}

#[test]
fn a_redirect_leads_to_an_exact_host_and_not_to_itself() {
    check(
        "
        p0/web
          sh0.host=*.a.internal
          sh0.redirect.from=www.a.example
        p1/web
          sh0.host=a.example
          sh0.redirect.from=a.example
        p2/web
          sh0.host=b.example
          sh0.redirect.from=*.b.example
        ",
        expect![[r#"
            | - p0-web-1 refused: `sh0.redirect.from` leads to the route's first exact host, and it has none
            | - p1-web-1 refused: `sh0.redirect.from` names the route's own host `a.example`
            | - p2-web-1 refused: `sh0.redirect.from` takes an exact host name such as `backend.example.com`, found `*.b.example`
            ! E001 p0-web-1 (c1): `sh0.redirect.from` leads to the route's first exact host, and it has none [sh0.redirect.from="www.a.example"]; add an exact host to `sh0.host`
            ! E001 p1-web-1 (c2): `sh0.redirect.from` names the route's own host `a.example` [sh0.redirect.from="a.example"]; remove it from one of the two labels
            ! E001 p2-web-1 (c3): `sh0.redirect.from` takes an exact host name such as `backend.example.com`, found `*.b.example` [sh0.redirect.from="*.b.example"]; write for example `sh0.redirect.from=www.example.com`
        "#]],
    );
}

#[test]
fn what_has_no_effect_is_said() {
    check(
        "
        == allow *
        p0/web
          sh0.host=a.example
          sh0.tls=off
          sh0.hsts=true
          sh0.redirect.https=true
          sh0.tls.min=1.3
        p1/web
          sh0.host=10.1.2.3
          sh0.tls.min=1.3
        p2/web
          sh0.host=*
          sh0.tls=on_demand
        ",
        expect![[r#"
            == allow *
            10.1.2.3 [internal min=1.3] p1/web:default -> http 10.0.0.2:80
            a.example [off] p0/web:default -> http 10.0.0.1:80
            * [public] p2/web:default -> http 10.0.0.3:80
            | * p2-web-1 routed
            | 10.1.2.3 p1-web-1 routed
            | a.example p0-web-1 routed
            ! W002 p0-web-1 (c1): `sh0.hsts` has no effect with `tls=off` [sh0.hsts="true"]; change the other label, or remove this one
            ! W002 p0-web-1 (c1): `sh0.redirect.https` has no effect with `tls=off` [sh0.redirect.https="true"]; change the other label, or remove this one
            ! W002 p0-web-1 (c1): `sh0.tls.min` has no effect with `tls=off` [sh0.tls.min="1.3"]; change the other label, or remove this one
            ! W002 p1-web-1 (c2): `sh0.tls.min` has no effect for `*` and IP addresses, which no handshake names [sh0.tls.min="1.3"]; change the other label, or remove this one
            ! W002 p2-web-1 (c3): `sh0.tls` has no effect as `on_demand` for `*`: only names that a label says are certified [sh0.tls="on_demand"]; change the other label, or remove this one
        "#]],
    );
}

#[test]
fn a_dns_provider_makes_wildcards_public() {
    check(
        "
        == dns provider
        shop/web
          sh0.host=*.a.example
        ",
        expect![[r#"
            == dns provider
            *.a.example [public] shop/web:default -> http 10.0.0.1:80
            | *.a.example shop-web-1 routed
        "#]],
    );
}

#[test]
fn wrong_values_are_said_with_what_to_write() {
    check(
        "
        p0/web
          sh0.host=a.example
          sh0.tls.min=1.1
        p1/web
          sh0.host=b.example
          sh0.hsts={env.HOME}
        p2/web
          sh0.host=c.example
          sh0.redirect.https=maybe
        p3/web
          sh0.host=d.example
          sh0.redirect.from=https://www.d.example
        p4/web
          sh0.host=e.example
          sh0.tls.client_ca=.hidden.pem
        ",
        expect![[r#"
            e.example [public] p4/web:default -> http 503 closed
            | - p0-web-1 refused: `sh0.tls.min` takes `1.2` or `1.3`, found `1.1`
            | - p1-web-1 refused: `sh0.hsts` takes `true`, `false` or a text such as `max-age=31536000; includeSubDomains`, found `{env.HOME}`
            | - p2-web-1 refused: `sh0.redirect.https` takes `true` or `false`, found `maybe`
            | - p3-web-1 refused: `sh0.redirect.from` takes a host name such as `app.example.com` or `*.example.com`, without scheme, port or path, found a URL with its scheme
            | e.example p4-web-1 refused: clients of `e.example` must show a certificate, but the label that names their authority is wrong; the host answers 503
            ! E001 p0-web-1 (c1): `sh0.tls.min` takes `1.2` or `1.3`, found `1.1` [sh0.tls.min="1.1"]; write for example `sh0.tls.min=1.3`
            ! E001 p1-web-1 (c2): `sh0.hsts` takes `true`, `false` or a text such as `max-age=31536000; includeSubDomains`, found `{env.HOME}` [sh0.hsts="{env.HOME}"]; write for example `sh0.hsts=max-age=31536000; includeSubDomains`
            ! E001 p2-web-1 (c3): `sh0.redirect.https` takes `true` or `false`, found `maybe` [sh0.redirect.https="maybe"]; write for example `sh0.redirect.https=false`
            ! E001 p3-web-1 (c4): `sh0.redirect.from` takes a host name such as `app.example.com` or `*.example.com`, without scheme, port or path, found a URL with its scheme [sh0.redirect.from="https://www.d.example"]; write for example `sh0.redirect.from=www.example.com`
            ! E001 p4-web-1 (c5): `sh0.tls.client_ca` takes the name of a file such as `partners.pem`, found `.hidden.pem` [sh0.tls.client_ca=".hidden.pem"]; write for example `sh0.tls.client_ca=partners.pem`
            ! E014 p4-web-1 (c5): clients of `e.example` must show a certificate, but the label that names their authority is wrong; the host answers 503; write for example `sh0.tls.client_ca=partners.pem`
        "#]],
    );
}
