import Protocol

/// Which sessions at the control socket are bulk connections, and whose. A worker proves by a ticket that a session is its
/// own. No I/O; the clock, in seconds, is an argument.
struct BulkSessions {
    private var owners: [UInt64: Int] = [:]
    private var tickets: [Int: UInt64] = [:]
    private var sessions: [Int: [UInt8]] = [:]
    /// Connections in a row on which nothing came.
    private var attempts: [Int: Int] = [:]
    /// When a worker that has no connection was last asked to open one.
    private var asked: [Int: Double] = [:]

    /// Seconds after which a worker is asked again.
    private static let pause = 3.0

    /// Workers that were asked to open a connection.
    var workers: [Int] { Array(tickets.keys) }

    func session(of worker: Int) -> [UInt8]? { sessions[worker] }

    func owner(of session: [UInt8]) -> Int? { sessions.first { $0.value == session }?.key }

    /// A ticket for a worker that has none yet; `nil` where it has one.
    mutating func newTicket(for worker: Int) -> UInt64? {
        guard tickets[worker] == nil else { return nil }
        let ticket = UInt64.random(in: 1 ... .max)
        (owners[ticket], tickets[worker]) = (worker, ticket)
        return ticket
    }

    /// A session shows a ticket.
    /// - Parameter mayBe: whether its key is that worker's.
    /// - Returns: whose it is now; `nil` where it is nobody's, or was that worker's before.
    mutating func take(_ session: [UInt8], ticket: UInt64, mayBe: (Int) -> Bool) -> Int? {
        guard let worker = owners[ticket], mayBe(worker), sessions[worker] != session else { return nil }
        sessions[worker] = session
        return worker
    }

    /// Bytes came on a worker's connection.
    mutating func moved(_ worker: Int) { attempts[worker] = nil }

    /// The tickets of workers without a connection that are to be asked again: the wish itself may have been lost.
    mutating func overdue(now: Double) -> [(worker: Int, ticket: UInt64)] {
        var overdue: [(worker: Int, ticket: UInt64)] = []
        for (worker, ticket) in tickets where sessions[worker] == nil {
            guard now - asked[worker, default: now] > Self.pause else {
                asked[worker] = asked[worker] ?? now
                continue
            }
            asked[worker] = now
            overdue.append((worker, ticket))
        }
        return overdue
    }

    /// Nothing comes on a worker's connection.
    /// - Returns: its ticket, with which it is to open another one, and how many have been of no use so far; `nil` where it
    ///   was never asked.
    mutating func stalled(_ worker: Int) -> (ticket: UInt64, attempts: Int)? {
        guard let ticket = tickets[worker] else { return nil }
        attempts[worker, default: 0] += 1
        return (ticket, attempts[worker]!)
    }

    /// A worker's connection is closed.
    mutating func close(_ worker: Int) { sessions[worker] = nil }

    /// A worker is no member any more.
    mutating func forget(_ worker: Int) {
        close(worker)
        if let ticket = tickets.removeValue(forKey: worker) { owners[ticket] = nil }
        (attempts[worker], asked[worker]) = (nil, nil)
    }
}
