"""azure-kusto-data: v1 and v2 queries, management commands, streaming ingest."""

import gzip
import io

import pytest
from azure.kusto.data import ClientRequestProperties, DataFormat, KustoClient, KustoConnectionStringBuilder
from azure.kusto.data.exceptions import KustoApiError, KustoServiceError


@pytest.fixture(scope="module")
def kusto(server):
    # The tenant adfs is the form in which this client asks no authority but ours.
    settings = KustoConnectionStringBuilder.with_aad_application_key_authentication(
        server.url, server.env["AZURE_CLIENT_ID"], server.env["AZURE_CLIENT_SECRET"], "adfs")
    return KustoClient(settings)


@pytest.fixture(scope="module")
def db(server):
    return server.env["VEDETTE_KUSTO_DB"]


def rows(answer):
    return [list(r) for r in answer.primary_results[0]]


def test_every_type_arrives_as_python_has_it(kusto, db):
    text = ("print b=true, i=int(7), l=9007199254740993, r=0.5, s='x', t=datetime(2024-02-29T12:34:56.7891234Z), "
            "span=timespan(1.02:03:04.5), g=guid(74be27de-1e4e-49d9-b579-fe0b331d3642), d=dynamic({'a':[1]}), e=decimal(1.25), n=long(null)")
    b, i, l, r, s, t, span, g, d, e, n = rows(kusto.execute_query(db, text))[0]
    assert (b, i, l, r, s, n) == (True, 7, 9007199254740993, 0.5, "x", None)
    assert t.isoformat() == "2024-02-29T12:34:56.789123+00:00"
    assert span.total_seconds() == 93784.5
    assert (str(g), d, str(e)) == ("74be27de-1e4e-49d9-b579-fe0b331d3642", {"a": [1]}, "1.25")


def test_version_1_answers_with_a_table_of_contents(server, db):
    """The client of today asks version 1 for management only; older ones ask it for queries as well."""
    ask = lambda text: server.session().post(f"{server.url}/v1/rest/query", json={"db": db, "csl": text}).json()["Tables"]
    one = ask("print x = 1, t = datetime(2024-01-01)")
    assert [c["DataType"] for c in one[0]["Columns"]] == ["Int64", "DateTime"]
    assert one[0]["Rows"][0][0] == 1 and one[0]["Rows"][0][1].startswith("2024-01-01T00:00:00")
    several = ask("print x = 1 | fork (project x) (count)")
    contents = several[-1]
    assert [c["ColumnName"] for c in contents["Columns"]] == ["Ordinal", "Kind", "Name", "Id", "PrettyName"]
    assert len([r for r in contents["Rows"] if r[1] == "QueryResult"]) == 2


def test_a_table_is_made_filled_and_described(kusto, db):
    kusto.execute_mgmt(db, ".create-merge table Kin (a:string, b:long, t:datetime)")
    body = gzip.compress(b"x,1,2024-01-01\ny,2,2024-01-02T03:04:05Z\n")
    kusto.execute_streaming_ingest(db, "Kin", io.BytesIO(body), None, DataFormat.CSV)
    body = gzip.compress(b'{"a":"z","b":3}\n{"a":"w","b":4}\n')
    kusto.execute_streaming_ingest(db, "Kin", io.BytesIO(body), None, DataFormat.JSON)
    assert rows(kusto.execute_query(db, "Kin | order by b asc | project a, b, isnull(t)")) == [
        ["x", 1, False], ["y", 2, False], ["z", 3, True], ["w", 4, True]]
    assert ["Kin"] in [[r[0]] for r in rows(kusto.execute_mgmt(db, ".show tables"))]
    schema = rows(kusto.execute_mgmt(db, ".show table Kin cslschema"))[0]
    assert any("a:string,b:long" in str(cell) for cell in schema), schema
    assert "Kin" in str(rows(kusto.execute_mgmt(db, f".show database {db} schema as json")))


def test_query_parameters_are_values_not_text(kusto, db):
    properties = ClientRequestProperties()
    properties.set_parameter("who", "x' or 1 == 1 //")
    text = "declare query_parameters(who:string); print answer = who"
    assert rows(kusto.execute_query(db, text, properties)) == [["x' or 1 == 1 //"]]


@pytest.mark.parametrize("text, code", [("Kin | wher a == 1", "SYN"), ("Kin | where zz == 1", "SEM"), ("Nowhere", "SEM")])
def test_errors_name_the_place(kusto, db, text, code):
    with pytest.raises((KustoApiError, KustoServiceError)) as caught:
        kusto.execute_query(db, text)
    assert "line" in str(caught.value).lower() or code in str(caught.value)


@pytest.mark.parametrize("command", [".drop database x", ".show nonsense", ".ingest into table Kin (h'https://example.org/x.csv')"])
def test_commands_that_are_not_there_say_so(kusto, db, command):
    with pytest.raises((KustoApiError, KustoServiceError)) as caught:
        kusto.execute_mgmt(db, command)
    assert str(caught.value)


def test_an_unknown_table_takes_no_rows(kusto, db):
    with pytest.raises(Exception) as caught:
        kusto.execute_streaming_ingest(db, "NoSuchTable", io.BytesIO(gzip.compress(b"1,2\n")), None, DataFormat.CSV)
    assert "NoSuchTable" in str(caught.value)
