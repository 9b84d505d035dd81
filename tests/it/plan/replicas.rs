//! Several containers of one app.

use expect_test::expect;

use super::check;

#[test]
fn replicas_are_merged_into_one_route() {
    check(
        "
        shop/web n=1
          sh0.host=a.example
        shop/web n=2
          sh0.host=a.example
        shop/web n=3
          sh0.host=a.example
        ",
        expect![[r#"
            a.example [public] shop/web:default -> http 10.0.0.1:80 10.0.0.2:80 10.0.0.3:80
            | a.example shop-web-1 routed
            | a.example shop-web-2 routed
            | a.example shop-web-3 routed
        "#]],
    );
}

#[test]
fn containers_with_one_app_label_in_one_project_serve_together() {
    check(
        "
        shop/blue
          sh0.host=a.example
          sh0.app=web
        shop/green
          sh0.host=a.example
          sh0.app=web
        ",
        expect![[r#"
            a.example [public] shop/web:default -> http 10.0.0.1:80 10.0.0.2:80
            | a.example shop-blue-1 routed
            | a.example shop-green-1 routed
        "#]],
    );
}

#[test]
fn an_app_label_of_another_project_joins_nobody() {
    check(
        "
        shop/web
          sh0.host=a.example
          sh0.app=web
        evil/web
          sh0.host=a.example
          sh0.app=web
        ",
        expect![[r#"
            a.example [public] shop/web:default -> http 10.0.0.1:80
            | a.example evil-web-1 refused: the host `a.example` belongs to project `shop`
            | a.example shop-web-1 routed
            ! E004 evil-web-1 (c2): the host `a.example` belongs to project `shop`; choose another host, or let project `shop` add `sh0.share=evil` to serve a path of it
        "#]],
    );
}

#[test]
fn the_newest_ready_replica_counts() {
    check(
        "
        shop/web n=1 created=1
          sh0.host=old.example
        shop/web n=2 created=2
          sh0.host=new.example
        ",
        expect![[r#"
            new.example [public] shop/web:default -> http 10.0.0.1:80 10.0.0.2:80
            | new.example shop-web-1 routed
            | new.example shop-web-2 routed
            ! W003 shop-web-1 (c1): its labels differ from those of shop-web-2 (c2), the newest ready replica of `shop/web`, which count; recreate it with the new labels, or give it an app of its own by the label `app`
        "#]],
    );
    check(
        "
        shop/web n=1 created=1
          sh0.host=old.example
        shop/web n=2 created=2 health=starting
          sh0.host=new.example
        ",
        expect![[r#"
            old.example [public] shop/web:default -> http 10.0.0.1:80
            | old.example shop-web-1 routed
            | old.example shop-web-2 waiting: its HEALTHCHECK has not passed yet
        "#]],
    );
    check(
        "
        shop/web n=1 created=1 health=starting
          sh0.host=old.example
        shop/web n=2 created=2 state=created ip=none
          sh0.host=new.example
        ",
        expect![[r#"
            old.example [public] shop/web:default -> http 503
            | old.example shop-web-1 waiting: its HEALTHCHECK has not passed yet
            | old.example shop-web-2 waiting: the container was not started
        "#]],
    );
    check(
        "
        shop/web n=1 created=1 state=exited ip=none
          sh0.host=old.example
        shop/web n=2 created=2 state=created ip=none
          sh0.host=new.example
        ",
        expect![[r#"
            new.example [public] shop/web:default -> http 503
            | new.example shop-web-1 waiting: the container has exited
            | new.example shop-web-2 waiting: the container was not started
        "#]],
    );
}

#[test]
fn of_two_of_one_age_the_greater_id_is_the_newer() {
    check(
        "
        shop/web n=1 created=1 id=a
          sh0.host=a.example
        shop/web n=2 created=1 id=b
          sh0.host=b.example
        ",
        expect![[r#"
            b.example [public] shop/web:default -> http 10.0.0.1:80 10.0.0.2:80
            | b.example shop-web-1 routed
            | b.example shop-web-2 routed
            ! W003 shop-web-1 (a): its labels differ from those of shop-web-2 (b), the newest ready replica of `shop/web`, which count; recreate it with the new labels, or give it an app of its own by the label `app`
        "#]],
    );
}

#[test]
fn a_replica_that_speaks_another_scheme_is_left_out() {
    check(
        "
        shop/web n=1 created=1
          sh0.host=a.example
        shop/web n=2 created=2
          sh0.host=a.example
          sh0.scheme=h2c
        ",
        expect![[r#"
            a.example [public] shop/web:default -> h2c 10.0.0.2:80
            | a.example shop-web-1 refused: its own labels describe this route differently
            | a.example shop-web-2 routed
            ! W003 shop-web-1 (c1): its labels differ from those of shop-web-2 (c2), the newest ready replica of `shop/web`, which count; recreate it with the new labels, or give it an app of its own by the label `app`
        "#]],
    );
}

#[test]
fn a_difference_in_the_port_alone_is_not_a_difference() {
    check(
        "
        shop/web n=1
          sh0.host=a.example
          sh0.port=8001
        shop/web n=2
          sh0.host=a.example
          sh0.port=8002
        ",
        expect![[r#"
            a.example [public] shop/web:default -> http 10.0.0.1:8001 10.0.0.2:8002
            | a.example shop-web-1 routed
            | a.example shop-web-2 routed
        "#]],
    );
}

#[test]
fn a_share_is_that_of_the_newest_ready_replica_alone() {
    check(
        "
        shop/web n=1 created=1
          sh0.host=a.example
          sh0.share=blog
        shop/web n=2 created=2
          sh0.host=a.example
        blog/web created=3
          sh0.host=a.example
          sh0.path=/blog
        ",
        expect![[r#"
            a.example [public] shop/web:default -> http 10.0.0.1:80 10.0.0.2:80
            | a.example shop-web-1 routed
            | a.example shop-web-2 routed
            | a.example/blog blog-web-1 refused: the host `a.example` belongs to project `shop`
            ! E004 blog-web-1 (c3): the host `a.example` belongs to project `shop`; choose another host, or let project `shop` add `sh0.share=blog` to serve a path of it
            ! W003 shop-web-1 (c1): its labels differ from those of shop-web-2 (c2), the newest ready replica of `shop/web`, which count; recreate it with the new labels, or give it an app of its own by the label `app`
        "#]],
    );
}

#[test]
fn only_healthy_containers_serve() {
    check(
        "
        shop/web n=1 health=healthy
          sh0.host=a.example
        shop/web n=2 health=starting
          sh0.host=a.example
        shop/web n=3 health=unhealthy
          sh0.host=a.example
        ",
        expect![[r#"
            a.example [public] shop/web:default -> http 10.0.0.1:80
            | a.example shop-web-1 routed
            | a.example shop-web-2 waiting: its HEALTHCHECK has not passed yet
            | a.example shop-web-3 waiting: its HEALTHCHECK fails
        "#]],
    );
}

#[test]
fn containers_that_do_not_run_keep_their_route_without_upstreams() {
    check(
        "
        shop/paused state=paused
          sh0.host=paused.example
        shop/exited state=exited ip=none
          sh0.host=exited.example
        shop/created state=created ip=none
          sh0.host=created.example
        shop/restarting state=restarting ip=none
          sh0.host=restarting.example
        shop/dead state=dead ip=none
          sh0.host=dead.example
        shop/removing state=removing ip=none
          sh0.host=removing.example
        ",
        expect![[r#"
            created.example [public] shop/created:default -> http 503
            dead.example [public] shop/dead:default -> http 503
            exited.example [public] shop/exited:default -> http 503
            paused.example [public] shop/paused:default -> http 503
            removing.example [public] shop/removing:default -> http 503
            restarting.example [public] shop/restarting:default -> http 503
            | created.example shop-created-1 waiting: the container was not started
            | dead.example shop-dead-1 waiting: the container is dead
            | exited.example shop-exited-1 waiting: the container has exited
            | paused.example shop-paused-1 waiting: the container is paused
            | removing.example shop-removing-1 waiting: the container is removing
            | restarting.example shop-restarting-1 waiting: the container is restarting
        "#]],
    );
}

#[test]
fn a_stopped_replica_leaves_the_pool_to_the_others() {
    check(
        "
        shop/web n=1
          sh0.host=a.example
        shop/web n=2 state=exited ip=none
          sh0.host=a.example
        ",
        expect![[r#"
            a.example [public] shop/web:default -> http 10.0.0.1:80
            | a.example shop-web-1 routed
            | a.example shop-web-2 waiting: the container has exited
        "#]],
    );
}

#[test]
fn two_replicas_on_the_host_network_at_one_port_are_one_upstream() {
    check(
        "
        shop/web n=1 mode=host nets=none
          sh0.host=a.example
          sh0.port=8080
        shop/web n=2 mode=host nets=none
          sh0.host=a.example
          sh0.port=8080
        ",
        expect![[r#"
            a.example [public] shop/web:default -> http 127.0.0.1:8080
            | a.example shop-web-1 routed
            | a.example shop-web-2 routed
        "#]],
    );
}
