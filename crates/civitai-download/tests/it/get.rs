//! Files that arrive.

use civitai_download::{How, Verified};

use crate::world::{MIB, World, run};

#[tokio::test]
async fn a_file_arrives_whole_under_its_name() {
    let world = World::new(40 * MIB).await;
    let result = run(world.transfer()).await;
    world.assert_done(&result);
    let fetched = result.expect("checked above");
    assert_eq!(
        (fetched.how, fetched.verified),
        (How::Downloaded, Verified::Sha256)
    );
    assert_eq!((fetched.bytes, fetched.fetched_bytes), (40 * MIB, 40 * MIB));
    assert_eq!((fetched.leases, fetched.retries, world.leases()), (1, 0, 1));
    assert_eq!(world.served(), 40 * MIB, "nothing was fetched twice");
}
