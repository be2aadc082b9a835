//! What goes over the wire.

use crate::site::anonymous;

#[tokio::test]
async fn a_request_names_the_program_and_asks_once() {
    let (sim, client) = anonymous().await;
    let enums = client.enums().await.expect("enums");
    assert!(enums.model_types.iter().any(|name| name == "Checkpoint"));
    let summary = sim.log().summary();
    let entries = sim.log().entries();
    assert_eq!(entries.len(), 1, "{summary:?}");
    assert!(
        entries[0]
            .user_agent
            .as_deref()
            .is_some_and(|agent| agent.starts_with("civitai-dl/"))
    );
}
