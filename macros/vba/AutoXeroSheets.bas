Attribute VB_Name = "AutoXeroSheets"
Option Explicit

' Finds things on the sheets by the names of tables and columns, so that columns may be moved.

Private Const PRODUCT As String = "AutoXero"
Private Const FAULT_CODE_LENGTH As Long = 6

Public Sub GoToSheet(ByVal sheetName As String)
    On Error GoTo Failed
    ThisWorkbook.Activate
    ThisWorkbook.Worksheets(sheetName).Activate
    Exit Sub
Failed:
    Tell "The sheet " & sheetName & " is missing from this workbook. Copy the workbook anew with 'autoxero setup'."
End Sub

Public Sub ShowWhy()
    Dim tbl As ListObject
    Set tbl = SelectedTable()
    If tbl Is Nothing Then
        Tell "Select a row of the sheet Invoices or Faults first."
        Exit Sub
    End If
    Dim message As String
    message = Part(tbl, "Number") & Part(tbl, "Invoice") & Part(tbl, "Customer") & Part(tbl, "Status") _
        & Part(tbl, "Fault") & Part(tbl, "Detail") & Part(tbl, "What to do")
    If Len(message) = 0 Then message = "This row is blank."
    Tell message
End Sub

Public Sub ShowHelp()
    Dim tbl As ListObject
    Set tbl = SelectedTable()
    If tbl Is Nothing Then
        Tell "Select a row of the sheet Invoices or Faults first."
        Exit Sub
    End If
    Dim code As String
    code = CellText(tbl, "Code")
    If Len(code) = 0 Then code = Left$(CellText(tbl, "Fault"), FAULT_CODE_LENGTH)
    If Left$(code, 3) <> "AX-" Then
        Tell "The selected row has no fault."
        Exit Sub
    End If
    Dim found As Range
    Set found = ThisWorkbook.Worksheets("Help").Columns(2).Find(What:=code, LookIn:=xlValues, LookAt:=xlWhole)
    If found Is Nothing Then
        Tell "The sheet Help does not explain " & code & "."
        Exit Sub
    End If
    Application.Goto found, True
End Sub

Public Sub Tell(ByVal message As String)
    MsgBox message, vbInformation, PRODUCT
End Sub

' The table Invoices or Faults when a data row of it is selected, else Nothing.
Private Function SelectedTable() As ListObject
    Dim tbl As ListObject
    If Not ActiveWorkbook Is ThisWorkbook Then Exit Function
    If TypeName(Selection) <> "Range" Then Exit Function
    For Each tbl In ActiveSheet.ListObjects
        If tbl.Name = "Invoices" Or tbl.Name = "Faults" Then
            If Not tbl.DataBodyRange Is Nothing Then
                If Not Application.Intersect(ActiveCell.EntireRow, tbl.DataBodyRange) Is Nothing Then
                    Set SelectedTable = tbl
                    Exit Function
                End If
            End If
        End If
    Next tbl
End Function

Private Function Part(ByVal tbl As ListObject, ByVal columnName As String) As String
    Dim shown As String
    shown = CellText(tbl, columnName)
    If Len(shown) > 0 Then Part = columnName & ": " & shown & vbLf
End Function

' The text of the selected row in a column, or nothing where there is no such column.
Private Function CellText(ByVal tbl As ListObject, ByVal columnName As String) As String
    Dim column As ListColumn
    For Each column In tbl.ListColumns
        If column.Name = columnName Then
            CellText = CStr(ActiveSheet.Cells(ActiveCell.Row, column.Range.Column).Text)
            Exit Function
        End If
    Next column
End Function
