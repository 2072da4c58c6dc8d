package import Protocol

/// One worker of the fleet, from its hello to its end.
package struct FleetWorker: Sendable {
    package var id: Int
    package var session: [UInt8]
    package var capabilities: Capabilities
    var lastHeard: Double
    var beat = Beat()
    /// When it last computed something or moved bytes.
    var lastActive: Double
    package var name: String { capabilities.name.isEmpty ? "worker \(id)" : capabilities.name }
}

/// Who is in the fleet. Pure; the clock is an argument.
package struct Membership: Sendable {
    package private(set) var members: [Int: FleetWorker] = [:]
    private var ids: [[UInt8]: Int] = [:]
    private var nextID = 1

    mutating func join(_ session: [UInt8], _ capabilities: Capabilities, now: Double) -> FleetWorker {
        let member = FleetWorker(
            id: nextID, session: session, capabilities: capabilities, lastHeard: now, lastActive: now)
        nextID += 1
        members[member.id] = member
        ids[session] = member.id
        return member
    }

    package func id(of session: [UInt8]) -> Int? { ids[session] }
    func id(instance: String) -> Int? { members.values.first { $0.capabilities.instance == instance }?.id }
    package func id(named name: String) -> Int? { members.values.first { $0.capabilities.name == name }?.id }
    package subscript(id: Int) -> FleetWorker? { members[id] }

    /// The same worker in a new session.
    mutating func move(_ id: Int, to session: [UInt8], now: Double) {
        guard let old = members[id]?.session else { return }
        ids[old] = nil
        ids[session] = id
        members[id]!.session = session
        heard(id, now: now)
    }

    /// A task that a worker listed as under way is finished, or (`nil`) has failed.
    mutating func changeHolding(_ key: TaskKey, of id: Int, to result: (digest: String, byteCount: Int)?) {
        guard let index = members[id]?.capabilities.holdings?.tasks.firstIndex(where: { $0.key == key }) else { return }
        guard let result else {
            members[id]!.capabilities.holdings!.tasks.remove(at: index)
            return
        }
        members[id]!.capabilities.holdings!.tasks[index].digest = result.digest
        members[id]!.capabilities.holdings!.tasks[index].byteCount = result.byteCount
    }

    mutating func forgetHoldings(of id: Int) { members[id]?.capabilities.holdings = nil }

    mutating func heard(_ id: Int, now: Double) { members[id]?.lastHeard = now }
    /// The coordinator itself did not run for so long, and could hear nobody.
    mutating func excuse(_ seconds: Double) { for id in members.keys { members[id]!.lastHeard += seconds } }
    mutating func active(_ id: Int, now: Double) { members[id]?.lastActive = now }
    mutating func beat(_ id: Int, _ beat: Beat, now: Double) {
        guard let last = members[id]?.beat else { return }
        if beat.busySeconds > 0 || beat.steps != last.steps || beat.moved != last.moved { active(id, now: now) }
        members[id]!.beat = beat
    }
    mutating func remove(_ id: Int) -> FleetWorker? {
        guard let member = members.removeValue(forKey: id) else { return nil }
        ids[member.session] = nil
        return member
    }

    /// Who is silent past the lease, or has not come out of one engine call for too long. Silence is the network's or the
    /// machine's and costs a task nothing; a stall counts as a crash.
    func overdue(now: Double, lease: Double, stall: Double) -> [(id: Int, cause: LossCause)] {
        var overdue: [(id: Int, cause: LossCause)] = []
        for member in members.values {
            if now - member.lastHeard > lease {
                overdue.append((member.id, .silent(seconds: Int(now - member.lastHeard))))
            } else if member.beat.busySeconds > stall {
                overdue.append((member.id, .stalled(seconds: Int(member.beat.busySeconds))))
            }
        }
        return overdue.sorted { $0.id < $1.id }
    }
}
