import Foundation
import Protocol
import Synchronization
import TestSupport
import Testing
import WorkerIO
import ZeroMQ

struct CoordinatorSearchTests {
    private func joinFile(_ endpoints: [String], in folder: TemporaryFolder) throws -> String {
        try folder.write(
            try JoinFile(endpoints: endpoints, host: "node1", pid: 7, time: "2026-01-02T03:04:05Z").encoded(), "join")
    }

    /// A search whose addresses answer as told; all it asked is in the second value.
    private func search(
        _ source: CoordinatorSearch.Source, patience: Double = 0, _ answers: [String: ProbeAnswer]
    ) -> (search: CoordinatorSearch, asked: @Sendable () -> [String]) {
        let asked = Box()
        var search = CoordinatorSearch(source)
        search.insecure = true
        search.patience = patience
        search.probe = { endpoint in
            asked.list.withLock { $0.append(endpoint) }
            return answers[endpoint] ?? .fails("no answer")
        }
        return (search, { asked.list.withLock { $0 } })
    }

    private final class Box: Sendable {
        let list = Mutex<[String]>([])
    }

    @Test func addressesAreTriedInTurnUntilOneAnswers() throws {
        let folder = TemporaryFolder()
        let path = try joinFile(["tcp://10.0.0.1:5", "tcp://10.0.0.2:5", "tcp://127.0.0.1:5"], in: folder)
        let (search, asked) = search(.joinFile(path), ["tcp://10.0.0.2:5": .answers(localHost: "10.0.0.9")])
        let found = try search.find()
        #expect(found.endpoint == "tcp://10.0.0.2:5" && found.localHost == "10.0.0.9")
        #expect(asked() == ["tcp://10.0.0.1:5", "tcp://10.0.0.2:5"])
    }

    @Test func afterTheDeadlineOneLineSaysWhatEachAddressSaid() throws {
        let folder = TemporaryFolder()
        let path = try joinFile(["tcp://10.0.0.1:5", "tcp://127.0.0.1:5"], in: folder)
        let search = search(.joinFile(path), ["tcp://127.0.0.1:5": .fails("connection refused")]).search
        let error = #expect(throws: CoordinatorSearch.Failure.self) { try search.find() }
        let line = error?.description ?? ""
        for words in ["10.0.0.1:5: no answer", "127.0.0.1:5: connection refused", "node1 pid 7", path] {
            #expect(line.contains(words), "\(line)")
        }
        #expect(!line.contains("\n"))
    }

    @Test func aMissingFileIsWaitedForAndSaid() throws {
        let folder = TemporaryFolder()
        let path = folder.file("join")
        var said: [String] = []
        let (search, _) = search(.joinFile(path), patience: 20, ["tcp://10.0.0.1:5": .answers(localHost: "10.0.0.9")])
        let found = try search.find {
            said.append($0)
            // Now that it waits, the coordinator comes; first an empty file, as mktemp makes them.
            _ = try? joinFile(["tcp://10.0.0.1:5"], in: folder)
        }
        #expect(found.endpoint == "tcp://10.0.0.1:5")
        #expect(said.count == 1 && said[0].contains(path) && said[0].contains("waiting up to 20 s"), "\(said)")
    }

    @Test func aStaleFileIsReadAgain() throws {
        let folder = TemporaryFolder()
        let path = try joinFile(["tcp://10.0.0.1:5"], in: folder)
        let (search, asked) = search(
            .joinFile(path), patience: 20, ["tcp://10.0.0.2:6": .answers(localHost: "10.0.0.9")])
        let found = try search.find { _ in _ = try? joinFile(["tcp://10.0.0.2:6"], in: folder) }
        #expect(found.endpoint == "tcp://10.0.0.2:6")
        #expect(asked() == ["tcp://10.0.0.1:5", "tcp://10.0.0.2:6"])
    }

    @Test func whatIsNoJoinFileEndsTheSearchAtOnce() throws {
        let folder = TemporaryFolder()
        let path = try folder.write(Array("hello".utf8), "join")
        let search = search(.joinFile(path), patience: 60, [:]).search
        let error = #expect(throws: CoordinatorSearch.Failure.self) { try search.find() }
        guard case .unusable(let line)? = error else { Issue.record("\(String(describing: error))"); return }
        #expect(line.contains(path))
    }

    @Test func addressesBeyondLoopbackNeedTheFlag() throws {
        let folder = TemporaryFolder()
        let path = try joinFile(["tcp://10.0.0.1:5", "tcp://127.0.0.1:5"], in: folder)
        var (search, asked) = search(.joinFile(path), ["tcp://127.0.0.1:5": .answers(localHost: "127.0.0.1")])
        search.insecure = false
        #expect(try search.find().endpoint == "tcp://127.0.0.1:5")
        #expect(asked() == ["tcp://127.0.0.1:5"])
        search.source = .endpoint("tcp://10.0.0.1:5")
        let error = #expect(throws: CoordinatorSearch.Failure.self) { try search.find() }
        #expect(error?.description.contains("--insecure-plain-tcp") == true)
    }

    @Test func aRequestToStopEndsTheWait() throws {
        let folder = TemporaryFolder()
        var search = search(.joinFile(folder.file("never")), patience: 60, [:]).search
        search.stopped = { "was asked to stop" }
        let failure = #expect(throws: CoordinatorSearch.Failure.self) { try search.find() }
        #expect(failure == .stopped("was asked to stop"))
    }
}

struct TCPProbeTests {
    @Test func aZeroMQSocketAnswersAndTellsTheOwnAddress() throws {
        let router = try Socket(.router, in: Context())
        let endpoint = try router.bind("tcp://127.0.0.1:*")
        #expect(TCPProbe.ask(endpoint, seconds: 10) == .answers(localHost: "127.0.0.1"))
        #expect(
            TCPProbe.ask(endpoint.replacingOccurrences(of: "127.0.0.1", with: "localhost"), seconds: 10)
                == .answers(localHost: "127.0.0.1", at: endpoint))
    }

    @Test func aListenerThatSaysNothingIsNamedSo() throws {
        let (descriptor, port) = try listener()
        defer { close(descriptor) }
        #expect(TCPProbe.ask("tcp://127.0.0.1:\(port)", seconds: 0.2) == .fails("accepts, but says nothing"))
    }

    @Test func nobodyIsNamedSo() throws {
        let (descriptor, port) = try listener()
        close(descriptor)
        #expect(TCPProbe.ask("tcp://127.0.0.1:\(port)", seconds: 5) == .fails("connection refused"))
    }

    @Test(arguments: ["tcp://host.invalid:1", "tcp://127.0.0.1:http", "ipc:///x", "tcp://"])
    func whatIsNoAddressFails(endpoint: String) {
        guard case .fails = TCPProbe.ask(endpoint, seconds: 1) else { Issue.record("\(endpoint) answered"); return }
    }

    @Test func someOtherProgramIsNotTakenForACoordinator() throws {
        let (descriptor, port) = try listener()
        defer { close(descriptor) }
        Thread.detachNewThread {
            let peer = accept(descriptor, nil, nil)
            _ = send(peer, "SSH-2.0-server\r\n", 16, 0)
            close(peer)
        }
        #expect(TCPProbe.ask("tcp://127.0.0.1:\(port)", seconds: 10) == .fails("is some other program"))
    }

    /// A plain TCP listener on a free port.
    private func listener() throws -> (descriptor: Int32, port: UInt16) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let port: UInt16? = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                guard bind(descriptor, $0, size) == 0, listen(descriptor, 4) == 0,
                    getsockname(descriptor, $0, &size) == 0
                else { return nil }
                return $0.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
                    UInt16(bigEndian: $0.pointee.sin_port)
                }
            }
        }
        return (descriptor, try #require(port))
    }
}
