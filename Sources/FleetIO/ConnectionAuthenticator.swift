import Keys
import Protocol
import Scheduling
import Tensors
import ZeroMQ

/// The door of the control socket: who is let in, who is turned away, and what the log says about it. Used by the I/O thread;
/// without keys everybody is let in.
final class ConnectionAuthenticator {
    private var keys: CoordinatorKeys?
    private let authenticator: Authenticator?
    private var crowd: ConnectionGuard?
    private var byUser: [String: AllowList.Entry] = [:]
    private var refusals = RefusalLog<ConnectionRefusal>()
    private let report: @Sendable (RunOccurrence) -> Void
    private let clock: () -> Double

    /// Before any other socket of the context.
    /// - Parameter keys: `nil`: plain.
    init(
        _ keys: CoordinatorKeys?, in context: Context, answers: Bool = true,
        clock: @escaping () -> Double = { Day.now },
        report: @escaping @Sendable (RunOccurrence) -> Void
    ) throws {
        self.keys = keys
        self.report = report
        self.clock = clock
        authenticator = keys != nil && answers ? try Authenticator(in: context) : nil
        index()
    }

    var security: SocketSecurity { keys.map { .server($0.pair, domain: "control") } ?? .plain }
    var sockets: [Socket] { authenticator.map { [$0.socket] } ?? [] }
    /// To be watched for changes.
    var listPath: String? { keys?.allowedPath }

    private func index() {
        byUser = [:]
        for entry in keys?.allowed.keys ?? [] { byUser[Self.user(entry)] = entry }
    }

    private static func user(_ entry: AllowList.Entry) -> String { "\(entry.role.rawValue)/\(entry.name)" }

    /// - Throws: `FleetError` where an unknown key is not refused.
    func test(_ endpoint: String, in context: Context, stranger: CurveKeyPair) throws(FleetError) {
        guard let keys else { return }
        crowd = ConnectionGuard(endpoint: endpoint)
        do throws(StrangerTest.Fault) {
            try StrangerTest.run(
                endpoint, in: context, stranger: stranger, server: keys.pair.publicKey, authenticator: authenticator
            ) { request in
                // Workers may already come; only the stranger is not worth a line in the log.
                guard request.publicKey == stranger.publicKey else { return decide(request) }
                let entry = try? keys.allowed.admit(request.publicKey, as: .worker, now: clock())
                return entry.map { .admit(userID: Self.user($0)) } ?? .refuse
            }
        } catch { throw FleetError(error.description) }
    }

    /// Answers the handshakes that wait, and shuts out those that are none.
    func answer() throws {
        try authenticator?.answer(decide)
        if let count = crowd?.check(), count > 0 { refused(.unfinishedHandshake) }
    }

    /// How long the I/O thread may sleep.
    var milliseconds: Int { crowd?.isBusy == true ? 10 : 50 }

    func accepted(_ descriptor: Int32) { crowd?.accepted(descriptor) }

    private func decide(_ request: HandshakeRequest) -> Admission {
        guard let keys else { return .refuse }
        do throws(AllowList.Refusal) {
            return .admit(userID: Self.user(try keys.allowed.admit(request.publicKey, as: .worker, now: clock())))
        } catch {
            refused(.key(reason: "\(error)", address: request.address))
            return .refuse
        }
    }

    /// Who sent a message, judged anew: a key may have been revoked since its handshake, and only workers may speak here.
    /// - Returns: `nil` without keys.
    /// - Throws: `AllowList.Refusal`.
    func sender(of frames: [ReceivedFrame]) throws(AllowList.Refusal) -> AllowList.Entry? {
        guard keys != nil else { return nil }
        let user = frames.last?.userID ?? ""
        do throws(AllowList.Refusal) {
            guard let entry = byUser[user] else { throw .unknown(publicKey: user) }
            return try entry.admitted(as: .worker, now: clock())
        } catch {
            refused(.key(reason: "\(error)", address: nil))
            throw error
        }
    }

    /// What a hello claims has to fit the key it came with.
    /// - Returns: what is wrong.
    func fault(in capabilities: Capabilities, of entry: AllowList.Entry) -> Refusal? {
        guard capabilities.publicKey == entry.public else { return .otherKey }
        guard capabilities.dataEndpoint.hasPrefix("tcp://") else { return .dataOutsideTCP }
        return nil
    }

    func replace(_ list: AllowList) {
        guard let fleet = keys?.allowed.fleet, list != keys?.allowed else { return }
        guard list.fleet == fleet else { return report(.allowListOfOtherFleet) }
        keys?.allowed = list
        index()
        report(.allowListReplaced)
    }

    func noted(_ failure: HandshakeFailure) {
        switch failure {
        // Said with its reason by `decide`.
        case .refused: break
        case .mechanism:
            refused(keys == nil ? .usesKeys : .usesNoKeys)
        case .serverKey: refused(.otherServerKey)
        case .badProtocol: refused(.unfinishedHandshake)
        // It went away before it had said who it is: a worker's probe of this address, Kubernetes', a port scan.
        case .cut: break
        }
    }

    private func refused(_ refusal: ConnectionRefusal) {
        let told = refusals.admit(refusal, now: MonotonicClock.now)
        if told.omitted > 0 { report(.refusalsOmitted(told.omitted)) }
        if told.isTold { report(.connectionRefused(refusal)) }
    }
}
