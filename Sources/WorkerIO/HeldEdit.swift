package import Protocol

/// The edit that a worker's weights have, and the one on its way. No I/O.
package struct HeldEdit: Sendable {
    /// The newest one that was offered since the assignment: none is applied twice, nor an older one.
    private var newest: UInt64 = 0
    private var offered: EditOffer?
    private var applied: (edit: UInt64, digest: String)?
    /// Fine-tuning has begun since the edit: the weights are no longer what the edit makes of them.
    package var isTrained = false

    package enum Answer: Sendable, Equatable {
        /// The weights are what the edit makes of them.
        case inForce
        /// Its bytes are wanted; tasks that are under way were for the edit before.
        case wanted
        /// It is under way, or older than the newest one.
        case ignored
    }

    package init() {}

    /// What to do about an edit that the coordinator offers.
    package mutating func take(_ offer: EditOffer) -> Answer {
        // A coordinator that had given this worker up, and takes its pipeline over, cannot know that it is applied.
        if offer.edit == newest, applied?.edit == offer.edit, !isTrained { return .inForce }
        // Neither twice nor an older one: tasks may have begun, and applying an edit undoes what training made.
        guard offer.edit > newest else { return .ignored }
        newest = offer.edit
        // Work under way may go on where the bytes are the same.
        if applied?.digest == offer.digest, !isTrained {
            applied?.edit = offer.edit
            return .inForce
        }
        (applied, offered, isTrained) = (nil, offer, false)
        return .wanted
    }

    /// The engine has applied an edit.
    package mutating func finish(_ edit: UInt64) {
        if let offered, offered.edit == edit { applied = (edit, offered.digest) }
    }

    /// Writes into a hello which edit is in force.
    package func list(in work: inout ResumableWork) {
        (work.edit, work.editDigest) = (applied?.edit, applied?.digest)
        work.isTrained = isTrained
    }
}
