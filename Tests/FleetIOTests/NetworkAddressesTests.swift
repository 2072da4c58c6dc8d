import FleetIO
import Foundation
import Protocol
import Scheduling
import TestSupport
import Testing

struct NetworkAddressesTests {
    private let addresses = [
        NetworkAddress(interface: "lo", host: "127.0.0.1", isLoopback: true),
        NetworkAddress(interface: "lo", host: "[::1]", isLoopback: true),
        NetworkAddress(interface: "docker0", host: "172.17.0.1", isBridge: true),
        NetworkAddress(interface: "ib0", host: "10.9.0.4"),
        NetworkAddress(interface: "eth0", host: "192.168.1.4", hasDefaultRoute: true),
        NetworkAddress(interface: "eth0", host: "[fd00::4]", hasDefaultRoute: true),
    ]

    @Test func aWildcardBecomesEveryAddressLoopbackLast() {
        #expect(
            NetworkAddress.endpoints(bound: "tcp://0.0.0.0:4000", of: addresses) == [
                "tcp://192.168.1.4:4000", "tcp://10.9.0.4:4000", "tcp://172.17.0.1:4000", "tcp://127.0.0.1:4000",
            ])
        #expect(
            NetworkAddress.endpoints(bound: "tcp://[::]:4000", of: addresses) == [
                "tcp://192.168.1.4:4000", "tcp://[fd00::4]:4000", "tcp://10.9.0.4:4000", "tcp://172.17.0.1:4000",
                "tcp://127.0.0.1:4000", "tcp://[::1]:4000",
            ])
    }

    @Test(arguments: ["tcp://10.9.0.4:4000", "tcp://127.0.0.1:1", "tcp://[fd00::4]:9", "ipc:///tmp/c"])
    func oneAddressStaysAlone(bound: String) {
        #expect(NetworkAddress.endpoints(bound: bound, of: addresses) == [bound])
    }

    @Test func theRouteTableNamesDefaultInterfaces() {
        let table = """
            Iface\tDestination\tGateway\tFlags
            eth0\t00000000\t0101A8C0\t0003
            eth0\t0001A8C0\t00000000\t0001
            ib0\t0000090A\t00000000\t0001
            """
        #expect(NetworkAddress.defaultRoutes(in: table) == ["eth0"])
        #expect(NetworkAddress.defaultRoutes(in: "").isEmpty)
    }

    @Test func thisMachineHasLoopback() {
        let all = NetworkAddress.all()
        #expect(all.contains { $0.host == "127.0.0.1" && $0.isLoopback })
        #expect(!all.contains { $0.host.contains("%") || $0.host.hasPrefix("[fe80") })
    }
}

struct PostedJoinFileTests {
    private let addresses = [NetworkAddress(interface: "eth0", host: "10.0.0.5")]

    @Test func itIsCompletePrivateAndRemovedAtTheEnd() throws {
        let folder = TemporaryFolder()
        let path = folder.file("join.json")
        let posted = try PostedJoinFile(path: path, bound: "tcp://0.0.0.0:4000", addresses: addresses)
        let file = try JoinFile(parsing: Array(Data(contentsOf: URL(fileURLWithPath: path))), source: path)
        #expect(file.endpoints == ["tcp://10.0.0.5:4000"] && file.pid == getpid() && !file.host.isEmpty)
        #expect(file.time.hasSuffix("Z"))
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? NSNumber
        #expect(mode?.intValue == 0o600)
        #expect(try folder.contents() == ["join.json"])
        posted.remove()
        #expect(try folder.contents().isEmpty)
    }

    @Test func aLaterCoordinatorsFileStays() throws {
        let folder = TemporaryFolder()
        let first = try PostedJoinFile(path: folder.file("j"), bound: "tcp://0.0.0.0:4000", addresses: addresses)
        let second = try PostedJoinFile(path: folder.file("j"), bound: "tcp://0.0.0.0:4001", addresses: addresses)
        first.remove()
        #expect(try folder.contents() == ["j"])
        second.remove()
        #expect(try folder.contents().isEmpty)
    }

    @Test func aFolderThatIsNotThereIsNamed() {
        let error = #expect(throws: FleetError.self) {
            try PostedJoinFile(path: "/nowhere/join", bound: "tcp://0.0.0.0:1", addresses: addresses)
        }
        #expect(error?.description.contains("/nowhere/join") == true && error?.isUsage == true)
    }
}
