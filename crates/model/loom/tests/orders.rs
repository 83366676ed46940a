//! Every execution of the small models. One after the other: they share statics.

use yandex_cloud_auth_model_loom::models;

#[test]
fn every_execution_of_the_small_models() {
    loom::model(models::the_end_of_a_work_wakes_its_waiters);
    loom::model(models::a_cancelled_work_is_dropped);
    loom::model(models::a_revocation_is_seen_with_its_token);
}
