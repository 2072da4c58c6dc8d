import Protocol

/// One worker of the fleet, from its hello to its end.
package struct Member: Sendable {
    package var id: Int
    var session: [UInt8]
    var capabilities: Capabilities
    var lastHeard: Double
    var beat = Beat()
    /// Sent away to come back at the fleet's kernel level.
    var restarting = false
    package var name: String { capabilities.name.isEmpty ? "worker \(id)" : capabilities.name }
}

/// Who is in the fleet. Pure; the clock is an argument.
struct Membership: Sendable {
    private(set) var members: [Int: Member] = [:]
    private var nextID = 1
    /// Names that have joined at some time: a process of such a name that ends was lost, not missing.
    private(set) var joinedNames: Set<String> = []

    mutating func join(_ session: [UInt8], _ capabilities: Capabilities, now: Double) -> Member {
        joinedNames.insert(capabilities.name)
        let member = Member(id: nextID, session: session, capabilities: capabilities, lastHeard: now)
        nextID += 1
        members[member.id] = member
        return member
    }

    func id(of session: [UInt8]) -> Int? { members.values.first { $0.session == session }?.id }
    func id(named name: String) -> Int? { members.values.first { $0.capabilities.name == name }?.id }
    subscript(id: Int) -> Member? { members[id] }

    mutating func heard(_ id: Int, now: Double) { members[id]?.lastHeard = now }
    mutating func beat(_ id: Int, _ beat: Beat) { members[id]?.beat = beat }
    mutating func remove(_ id: Int) -> Member? { members.removeValue(forKey: id) }

    /// Who is silent past the lease, or has not come out of one engine call for too long.
    func overdue(now: Double, lease: Double, stall: Double) -> [(id: Int, cause: String)] {
        members.values.sorted { $0.id < $1.id }.compactMap { member in
            if now - member.lastHeard > lease { return (member.id, "silent for \(Int(now - member.lastHeard)) s") }
            if member.beat.busySeconds > stall {
                return (member.id, "stalled: one step has taken \(Int(member.beat.busySeconds)) s")
            }
            return nil
        }
    }

    /// The lowest kernel level among the members: the one all of them can run.
    var commonLevel: (name: String, rank: Int)? {
        members.values.map { ($0.capabilities.kernelLevel, $0.capabilities.kernelRank) }
            .min { ($0.1, $0.0) < ($1.1, $1.0) }
    }
}
